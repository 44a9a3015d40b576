"""Pairs of rows in parts, held against each other with the word counts of all rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from tunewell.engine import Engine
from tunewell.similar.arrays import Bools, distinct
from tunewell.similar.edited_copies import alike, copies
from tunewell.similar.in_parts.part_files import load, save
from tunewell.similar.in_parts.word_parts import WordParts
from tunewell.similar.near_duplicates import Pairs

_PAIRS_AT_ONCE = 200_000


@dataclass(frozen=True)
class PairJudge:
    """Looks at pairs a block at a time.

    Attributes:
        folder: A folder of its own, that every worker sees.
        engine: Where the blocks are looked at.
        at_once: Pairs of a block.
    """

    folder: Path
    engine: Engine
    at_once: int = _PAIRS_AT_ONCE

    def alike(self, pairs: Pairs, words: WordParts, *, least: float) -> Bools:
        """Which pairs of texts are alike (`tunewell.similar.edited_copies.alike`)."""
        return self._judged("alike", pairs, {"words": words}, least)

    def copies(self, pairs: Pairs, asked: WordParts, answers: WordParts, whole: WordParts) -> Bools:
        """Which pairs of rows are edited copies (`tunewell.similar.edited_copies.copies`)."""
        words = {"asked": asked, "answers": answers, "whole": whole}
        return self._judged("copies", pairs, words, 0.0)

    def _judged(
        self, what: str, pairs: Pairs, words: Mapping[str, WordParts], least: float
    ) -> Bools:
        folder = self.folder / what
        blocks = range(0, len(pairs), self.at_once)
        for number, at in enumerate(blocks):
            block = slice(at, at + self.at_once)
            save(folder / f"left.{number}.npy", pairs.left[block])
            save(folder / f"right.{number}.npy", pairs.right[block])
            save(folder / f"similarity.{number}.npy", pairs.similarity[block])
        judge = partial(_judge_block, folder, what, words, least)
        done = self.engine.each(judge, len(blocks))
        kept = [table["keep"].to_numpy() for table in done]
        return np.concatenate([np.empty(0, np.bool_), *kept])


def _judge_block(
    folder: Path,
    what: str,
    words: Mapping[str, WordParts],
    least: float,
    number: int,
) -> pa.Table:
    left, right = load(folder / f"left.{number}.npy"), load(folder / f"right.{number}.npy")
    rows = distinct(np.concatenate([left, right]))
    pairs = Pairs(
        np.searchsorted(rows, left),
        np.searchsorted(rows, right),
        load(folder / f"similarity.{number}.npy"),
    )
    tables = {name: parts.take(rows) for name, parts in words.items()}
    counts = {name: parts.frequency() for name, parts in words.items()}
    if what == "alike":
        table, frequency = tables["words"], counts["words"]
        keep = alike(table, pairs.left, pairs.right, least=least, counts=frequency)
    else:
        keep = copies(
            tables["asked"],
            tables["answers"],
            tables["whole"],
            pairs,
            counts=(counts["asked"], counts["answers"]),
        )
    return pa.table({"keep": keep})
