"""The part of the data section in which a person looks: the map, and families side by side."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from tunewell.report.edits import edits
from tunewell.report.landscape import Drawn, draw
from tunewell.report.results import Results
from tunewell.report.text import without_private
from tunewell.similar.shown_families import Kin, Member


@dataclass(frozen=True)
class Twin:
    """One row of a family held against the first.

    Attributes:
        first: The row that the other is held against.
        other: The other row.
        asked: The inputs of both, edits marked.
        answers: Their targets, edits marked.
    """

    first: Member
    other: Member
    asked: tuple[Markup, Markup]
    answers: tuple[Markup, Markup]


@dataclass(frozen=True)
class FindingFamilies:
    """The families of one pitfall.

    Attributes:
        code: The pitfall.
        total: How many families there are.
        families: Those shown: size and twins.
    """

    code: str
    total: int
    families: tuple[tuple[int, tuple[Twin, ...]], ...]


@dataclass(frozen=True)
class RowsToShow:
    """What there is to look at.

    Attributes:
        map: The map; None where there is none.
        why: Why there is none.
        sampled: Rows of the map, and rows there were.
        groups: Families by pitfall.
    """

    map: Drawn | None
    why: str
    sampled: tuple[int, int]
    groups: tuple[FindingFamilies, ...]


def look(results: Results) -> RowsToShow | None:
    """What there is to look at, or None where curation kept nothing to show."""
    shown = results.shown
    if shown is None:
        return None
    codes = dict.fromkeys(kin.code for kin in shown.families)
    groups = [
        FindingFamilies(
            code,
            shown.numbers.get(code, 0),
            tuple((kin.size, _twins(kin)) for kin in shown.families if kin.code == code),
        )
        for code in codes
    ]
    sampled = (shown.map.shown, shown.map.of) if shown.map else (0, 0)
    return RowsToShow(draw(shown.map) if shown.map else None, shown.why, sampled, tuple(groups))


def _twins(kin: Kin) -> tuple[Twin, ...]:
    first, *others = kin.members
    return tuple(
        Twin(first, other, _held(first.asked, other.asked), _held(first.answer, other.answer))
        for other in others
    )


def _held(before: str, after: str) -> tuple[Markup, Markup]:
    return edits(without_private(before), without_private(after))
