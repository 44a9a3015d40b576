"""Edited copies and templates among rows in parts (see `tunewell.similar.row_copies`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from tunewell.engine import Engine
from tunewell.plurals import plural
from tunewell.similar.conversations import ComparedRow, what_is_asked
from tunewell.similar.in_parts.instructions import Instructions
from tunewell.similar.in_parts.near import near_pairs_in_parts
from tunewell.similar.in_parts.neighbourhoods import Neighbourhoods, in_order
from tunewell.similar.in_parts.part_files import ROWS_A_PART, RowParts, load, save
from tunewell.similar.in_parts.word_parts import WordParts
from tunewell.similar.in_parts.workplace import Workplace
from tunewell.similar.near_duplicates import Pairs, no_pairs
from tunewell.similar.row_copies import FEWEST_SAID, RowCopies, find_copies
from tunewell.similar.same_wording import LEAST_ALIKE, MOST_WORDS, grams, tokens_of
from tunewell.similar.union_find import families_of
from tunewell.similar.word_table import WordTable, split_words


@dataclass(frozen=True)
class CopiesInParts:
    """What was found, and what was not looked at.

    Attributes:
        found: Copies and templates; positions are numbers of rows.
        apart: Pairs that are alike and were not compared, for more rows are alike than one worker
            may hold.
        most: How many that is.
    """

    found: RowCopies
    apart: Pairs
    most: int

    def in_words(self) -> str:
        """What was not looked at; empty if everything was."""
        if not len(self.apart):
            return ""
        most = float(self.apart.similarity.max())
        pairs = plural(len(self.apart), "pair")
        return (
            f"unchecked: {pairs} of similar rows, because more than {self.most:,} rows resemble "
            f"each other (similarity of these pairs up to {most:.2f})"
        )


def copies_among(rows: Sequence[ComparedRow], place: Workplace) -> CopiesInParts:
    """Copies and templates among rows: in one piece, or in parts where there are many rows."""
    if place.takes_in_one_piece(len(rows)):
        return CopiesInParts(find_copies(rows), no_pairs(), place.a_part)
    with place.scratch() as folder:
        parts = place.write(rows, folder / "rows")
        return find_copies_in_parts(parts, folder, place.engine, most=place.a_part)


def find_copies_in_parts(
    rows: RowParts,
    folder: Path,
    engine: Engine,
    *,
    most: int = ROWS_A_PART,
) -> CopiesInParts:
    """Edited copies and template families among rows in parts.

    Rows that are alike in what they say, in their letters or in long answers are brought together,
    and each neighbourhood is looked at like a set of its own. So what is learnt of all rows (how
    rare a word is, which answers recur) is learnt of a neighbourhood, which holds other rows too.

    Args:
        rows: The rows.
        folder: A folder of its own, that every worker sees.
        engine: Where the parts are worked on.
        most: Rows of a neighbourhood.
    """
    alike = _alike(rows, folder, engine)
    near = Neighbourhoods.arrange(rows, alike, folder / "near", engine, most=most)
    engine.each(partial(_find_in, near), near.count)
    pairs = _gathered(near, "pairs")
    found = RowCopies(
        pairs=pairs,
        families=families_of(pairs.positions(), len(rows)),
        templates=sorted(_templates(near)),
        likely=_gathered(near, "likely"),
    )
    return CopiesInParts(found, near.apart, most)


def _alike(rows: RowParts, folder: Path, engine: Engine) -> Pairs:
    """Pairs of rows that should be looked at together."""
    whole = Instructions.learn(rows).whole
    by_words = WordParts.split(rows, folder / "whole", whole, engine)
    by_answers = WordParts.split(rows, folder / "answers", _long_answers, engine)
    by_grams = WordParts.split(rows, folder / "grams", _grams, engine)
    letters = WordParts.split(rows, folder / "letters", _letters, engine)
    found = [
        near_pairs_in_parts(by_words, engine),
        near_pairs_in_parts(by_answers, engine),
        near_pairs_in_parts(by_grams, engine, verified_by=letters, threshold=LEAST_ALIKE),
    ]
    return in_order(found, len(rows))


def _long_answers(rows: Sequence[ComparedRow]) -> WordTable:
    answers = [row.target for row in rows]
    long_enough = split_words(answers).lengths >= FEWEST_SAID
    return split_words(
        [text if keep else "" for text, keep in zip(answers, long_enough, strict=True)]
    )


def _grams(rows: Sequence[ComparedRow]) -> WordTable:
    """Groups of letters of what short rows ask, each a word."""
    return split_words([grams(text) if text else "" for text in _short_questions(rows)])


def _letters(rows: Sequence[ComparedRow]) -> WordTable:
    """Letters of what short rows ask, each as a word."""
    texts = _short_questions(rows)
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "replace"), dtype=np.uint32)
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in texts], out=starts[1:])
    return WordTable(codes, starts)


def _short_questions(rows: Sequence[ComparedRow]) -> list[str]:
    """What each row asks, without blanks; empty where it is long."""
    found = []
    for row in rows:
        words = tokens_of(what_is_asked(row))
        found.append("".join(words) if len(words) <= MOST_WORDS else "")
    return found


def _find_in(near: Neighbourhoods, number: int) -> pa.Table:
    """Look at one neighbourhood and write what was found, by the numbers of all rows."""
    numbers, rows = near.read(number)
    found = find_copies(rows, in_other_words=False)
    for what, pairs in (("pairs", found.pairs), ("likely", found.likely)):
        save(near.folder / f"{what}.left.{number}.npy", numbers[pairs.left])
        save(near.folder / f"{what}.right.{number}.npy", numbers[pairs.right])
        save(near.folder / f"{what}.similarity.{number}.npy", pairs.similarity)
    members = [i for family in found.templates for i in family]
    sizes = [len(family) for family in found.templates]
    save(near.folder / f"templates.{number}.npy", numbers[np.array(members, dtype=np.int64)])
    save(near.folder / f"sizes.{number}.npy", np.array(sizes, dtype=np.int64))
    return pa.table({"pairs": [len(found.pairs)]})


def _gathered(near: Neighbourhoods, what: str) -> Pairs:
    """The pairs of all neighbourhoods."""
    left, right, similarity = (
        np.concatenate(
            [load(near.folder / f"{what}.{side}.{number}.npy") for number in range(near.count)]
        )
        for side in ("left", "right", "similarity")
    )
    return Pairs(left, right, similarity).once(len(near.rows))


def _templates(near: Neighbourhoods) -> list[list[int]]:
    found: list[list[int]] = []
    for number in range(near.count):
        members = load(near.folder / f"templates.{number}.npy")
        ends = np.cumsum(load(near.folder / f"sizes.{number}.npy"))
        found += [family.tolist() for family in np.split(members, ends[:-1]) if len(family)]
    return found
