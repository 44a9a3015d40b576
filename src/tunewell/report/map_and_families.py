"""The part of the data section in which a person looks: the map, and families side by side."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from tunewell.report.grouping import grouped
from tunewell.report.map_chart import Drawn, draw
from tunewell.report.results import Results
from tunewell.report.safe_text import without_private
from tunewell.report.text_diff import edits
from tunewell.similar.shown_families import Kin, Member, Shown


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
    if shown.map is None:
        return RowsToShow(None, shown.why, (0, 0), _families(shown))
    return RowsToShow(
        map=draw(shown.map),
        why=shown.why,
        sampled=(shown.map.shown, shown.map.of),
        groups=_families(shown),
    )


def _families(shown: Shown) -> tuple[FindingFamilies, ...]:
    groups = []
    by_code = grouped(shown.families, by=lambda kin: kin.code)
    for code, found in by_code.items():
        families = tuple((kin.size, _twins(kin)) for kin in found)
        total = shown.numbers.get(code, 0)
        groups.append(FindingFamilies(code, total, families))
    return tuple(groups)


def _twins(kin: Kin) -> tuple[Twin, ...]:
    first, *others = kin.members
    twins = []
    for other in others:
        asked = _compared(first.asked, other.asked)
        answers = _compared(first.answer, other.answer)
        twins.append(Twin(first, other, asked, answers))
    return tuple(twins)


def _compared(before: str, after: str) -> tuple[Markup, Markup]:
    return edits(without_private(before), without_private(after))
