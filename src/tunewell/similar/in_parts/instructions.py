"""Standing instructions: long frames of many rows, learnt from a sample of all rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tunewell.similar.compared_texts import joined
from tunewell.similar.conversations import ComparedRow, what_is_asked
from tunewell.similar.frames import cut
from tunewell.similar.in_parts.part_files import PartRow, RowParts
from tunewell.similar.slots import frames_with_slots, with_slots
from tunewell.similar.word_table import WordTable, split_words

LEAST_WORDS = 20
"""A shorter frame is no instruction; rows that share it may be of one template."""

_SAMPLE = 20_000


@dataclass(frozen=True)
class Instructions:
    """What many rows begin or end with, whatever its numbers, a character a word.

    Attributes:
        beginnings: What rows begin with.
        endings: What they end with.
    """

    beginnings: Collection[str]
    endings: Collection[str]

    @classmethod
    def learn(cls, rows: RowParts) -> Instructions:
        """Learn them from rows that lie evenly over all parts."""
        step = max(1, len(rows) // _SAMPLE)
        sample: list[PartRow] = []
        for part in range(rows.parts):
            sample += rows.read(part, every=step)
        asked = [what_is_asked(row) for row in sample]
        words = split_words(asked)
        masked = with_slots(words)
        beginnings, endings = set(), set()
        for i, (begin, end) in enumerate(frames_with_slots(words, masked)):
            text = masked.text(i)
            beginnings.add(text[:begin])
            endings.add(text[len(text) - end :])
        return cls(
            frozenset(filter(_is_long, beginnings)),
            frozenset(filter(_is_long, endings)),
        )

    def whole(self, rows: Sequence[ComparedRow]) -> WordTable:
        """What each row asks beyond its instruction, then its answer."""
        asked = split_words([what_is_asked(row) for row in rows])
        said = split_words([row.target for row in rows])
        return joined(self.without(asked), said)

    def without(self, words: WordTable) -> WordTable:
        """The words of some texts without the instructions at either end."""
        if not self.beginnings and not self.endings:
            return words
        sizes = {len(frame) for frame in (*self.beginnings, *self.endings)}
        masked = with_slots(words)
        ends = []
        for i in range(len(words)):
            text = masked.text(i)
            begin = max((size for size in sizes if text[:size] in self.beginnings), default=0)
            end = max((size for size in sizes if text[-size:] in self.endings), default=0)
            ends.append((begin, end) if begin + end < len(text) else (0, 0))
        return cut(words, ends)


def _is_long(frame: str) -> bool:
    return len(frame) >= LEAST_WORDS
