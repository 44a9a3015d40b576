"""What curation lets a person look at: a map of the rows by meaning, and families side by side."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from tunewell.types import Estimate, Value

KEPT, TEST = "kept", "test"
"""Fates of a row beside the code of the pitfall that it was dropped for."""

EMPTIED = 0.5
"""An island is emptied where more of its rows than this were dropped."""


class Island(Value):
    """Rows of one meaning.

    Attributes:
        at: Place of the centre, on no particular scale.
        words: What it speaks of: the words that tell it from the others, the most telling first.
        counts: Rows by fate: ``kept``, ``test``, or the pitfall that they were dropped for.
        rows: Id and place of each row in a disc of radius 1, with its fate, the most typical rows
            first.
        missing: How many training rows are missing for the share that the target has; None where no
            gap is known.
    """

    at: tuple[float, float]
    words: tuple[str, ...]
    counts: Mapping[str, int]
    rows: tuple[tuple[str, float, float, str], ...]
    missing: Estimate | None = None

    @property
    def size(self) -> int:
        """Rows of all fates."""
        return sum(self.counts.values())

    @property
    def dropped(self) -> int:
        """Rows that were dropped."""
        kept = self.counts.get(KEPT, 0)
        tests = self.counts.get(TEST, 0)
        return self.size - kept - tests

    @property
    def emptied(self) -> bool:
        """Whether dropping took most of it."""
        return self.dropped > EMPTIED * self.size


class Map(Value):
    """Islands, the largest first.

    Attributes:
        islands: See `Island`.
        apart: Distance in meaning (1 − cosine) between the centres, shape (islands, islands).
        shown: How many rows it was made of.
        of: How many there were to draw from.
    """

    islands: tuple[Island, ...]
    apart: tuple[tuple[float, ...], ...]
    shown: int
    of: int


class Member(Value):
    """A row of a family, as it stood when it was compared (repaired and masked).

    Attributes:
        row: Its id.
        asked: Its input.
        answer: Its target.
        note: What was said of it, such as ``similarity 0.93``.
        dropped: Whether it went.
    """

    row: str
    asked: str
    answer: str
    note: str = ""
    dropped: bool = True


class Kin(Value):
    """Rows that belong together: the others are held against the first.

    Attributes:
        code: Pitfall: D04, D05, D09 or D11.
        members: At least two.
        size: How many there are in all.
    """

    code: str
    members: tuple[Member, ...]
    size: int


class Shown(Value):
    """What there is to look at.

    Attributes:
        map: None where there are too few rows or no vectors.
        why: Why there is no map.
        families: Some of each pitfall, from the most to the least edited.
        numbers: How many families there are in all, by pitfall.
    """

    map: Map | None = None
    why: str = ""
    families: tuple[Kin, ...] = ()
    numbers: Mapping[str, int] = Field(default_factory=dict)
