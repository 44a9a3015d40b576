"""The words of rows that lie in parts, and their counts over all parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from tunewell.engine import Engine
from tunewell.similar.arrays import Positions
from tunewell.similar.conversations import ComparedRow
from tunewell.similar.frequency import MOST_BITS, Frequency, bits_for
from tunewell.similar.in_parts.part_files import Parts, RowParts, by_part, load, save
from tunewell.similar.word_table import WordTable

WordsOf = Callable[[Sequence[ComparedRow]], WordTable]
"""What of some rows is compared; picklable."""


class WordParts(Parts):
    """Words of rows in files."""

    @classmethod
    def split(cls, rows: RowParts, folder: Path, words_of: WordsOf, engine: Engine) -> WordParts:
        """Split the texts of all rows into words, and count them.

        Args:
            rows: The rows.
            folder: A folder of its own.
            words_of: The words of some rows.
            engine: Where the parts are read.
        """
        words = cls(folder, rows.firsts)
        done = engine.each(partial(_split_part, rows, words, words_of), rows.parts)
        total = sum(table["words"][0].as_py() for table in done)
        _add_counts(words, bits_for(total))
        return words

    def words(self, part: int) -> WordTable:
        """The words of one part."""
        return WordTable(
            load(self.folder / f"codes.{part}.npy"),
            load(self.folder / f"starts.{part}.npy"),
        )

    def lengths(self) -> Positions:
        """Words of each row, shape (n,)."""
        return np.concatenate([self.words(part).lengths for part in range(self.parts)])

    def frequency(self) -> Frequency:
        """The counts of the words in all parts."""
        counts = load(self.folder / "counts.npy")
        return Frequency(counts, np.uint32(33 - len(counts).bit_length()), len(self))

    def take(self, rows: Positions) -> WordTable:
        """The words of some rows of any part.

        Args:
            rows: Their numbers, rising.
        """
        codes = [np.empty(0, np.uint32)]
        lengths = [np.zeros(1, np.int64)]
        for part, places in by_part(rows, self.firsts):
            table = self.words(part)
            own = rows[places] - self.firsts[part]
            counts = table.lengths[own]
            before = np.cumsum(counts) - counts
            steps = np.arange(int(counts.sum())) - np.repeat(before, counts)
            codes.append(table.codes[np.repeat(table.starts[:-1][own], counts) + steps])
            lengths.append(counts)
        return WordTable(np.concatenate(codes), np.cumsum(np.concatenate(lengths)))


def _split_part(rows: RowParts, words: WordParts, words_of: WordsOf, part: int) -> pa.Table:
    table = words_of(rows.read(part))
    save(words.folder / f"codes.{part}.npy", table.codes)
    save(words.folder / f"starts.{part}.npy", table.starts)
    buckets = table.codes >> np.uint32(32 - MOST_BITS)
    counted = np.stack(np.unique(buckets, return_counts=True))
    save(words.folder / f"counts.{part}.npy", counted)
    return pa.table({"words": [len(table.codes)]})


def _add_counts(words: WordParts, bits: int) -> None:
    counts = np.zeros(1 << bits, dtype=np.int32)
    for part in range(words.parts):
        buckets, found = load(words.folder / f"counts.{part}.npy")
        np.add.at(counts, buckets >> (MOST_BITS - bits), found.astype(np.int32))
    save(words.folder / "counts.npy", counts)
