"""Patterns of error: what people tick, deny and write, by slice, source and kind of row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tunewell.people import Item, RaterVerdict
from tunewell.people.work import Batch
from tunewell.stats import mean, proportion
from tunewell.types import Estimate, Value

FEW = 5
"""A group with fewer rows is not shown by itself."""

MOST_GROUPS = 40
"""Fields with more values than this are no groups but names."""

QUOTED = 3
"""Comments kept with each pattern."""

Floats = NDArray[np.float64]
PatternKind = Literal["tag", "criterion", "comment"]


class Pattern(Value):
    """How often something is wrong, overall or in one group of rows.

    Attributes:
        tag: The kind of error, the criterion that was denied, or ``commented``.
        what: ``tag`` (at least one reviewer ticked it), ``criterion`` (share of no) or ``comment``
            (one was written).
        arm: Whose outputs.
        slice: Which rows: ``region=north``, ``source=mail``, ``kind=bill question``; empty = all.
        share: Of the rows, clustered by family.
        above: Whether the whole interval is above the share among all rows.
        comments: What was written on such rows, the newest first.
    """

    tag: str
    what: PatternKind = "tag"
    arm: str
    slice: str
    share: Estimate
    above: bool = False
    comments: tuple[str, ...] = ()


def family_of(item: Item) -> str:
    """The family of an item's row; a row without one is a family of its own."""
    return item.family or item.example


@dataclass(frozen=True)
class _Figure:
    """One kind of error, row by row.

    Attributes:
        tag: Its name.
        what: What kind of pattern it makes.
        values: Per row how far it was seen, 0 to 1; NaN where nobody answered.
    """

    tag: str
    what: PatternKind
    values: Floats

    def seen_in(self, rows: NDArray[np.intp]) -> bool:
        """Whether it was seen in any of these rows."""
        return bool(np.nansum(self.values[rows]) > 0)


@dataclass(frozen=True)
class _Outputs:
    """The outputs of one arm, with everything that was said of them.

    Attributes:
        arm: Whose.
        said: Each verdict with its item.
        level: Of every interval.
    """

    arm: str
    said: Sequence[tuple[RaterVerdict, Item]]
    level: float

    @cached_property
    def rows(self) -> list[Item]:
        """One item per row, in the order in which rows were first judged."""
        return list({item.example: item for _, item in self.said}.values())

    @cached_property
    def place(self) -> dict[str, int]:
        """Position of each row."""
        return {item.example: n for n, item in enumerate(self.rows)}

    @cached_property
    def families(self) -> NDArray[np.intp]:
        """Number of each row's family."""
        names = list(map(family_of, self.rows))
        _, numbers = np.unique(names, return_inverse=True)
        return numbers

    @cached_property
    def comments(self) -> dict[int, list[str]]:
        """Comments by row, the newest first."""
        found: dict[int, list[str]] = defaultdict(list)
        for verdict, item in reversed(self.said):
            comment = verdict.said.comment.strip()
            if comment:
                found[self.place[item.example]].append(comment)
        return found

    def share(self, figure: _Figure, rows: NDArray[np.intp]) -> Estimate:
        """Mean over rows on which somebody answered, clustered by family."""
        answered = rows[~np.isnan(figure.values[rows])]
        values, families = figure.values[answered], self.families[answered]
        all_or_nothing = np.isin(values, (0.0, 1.0)).all()
        independent = np.unique(families).size == families.size
        if all_or_nothing and independent:
            return proportion(int(values.sum()), values.size, level=self.level)
        return mean(
            values,
            clusters=families.tolist(),
            level=self.level,
            low=0,
            high=1,
        )

    def quotes(self, figure: _Figure, rows: NDArray[np.intp]) -> tuple[str, ...]:
        """Comments on rows where the error was seen."""
        quoted: list[str] = []
        for row in rows.tolist():
            if figure.values[row] > 0:
                quoted += self.comments.get(row, [])
        return tuple(quoted[:QUOTED])


def patterns(
    batch: Batch,
    said: Sequence[RaterVerdict],
    items: Mapping[str, Item],
    *,
    level: float = 0.95,
) -> tuple[Pattern, ...]:
    """Every pattern that was seen, by arm and kind: all rows first, then the worst group first.

    Args:
        batch: The review.
        said: Verdicts that stand, without calibration rows.
        items: By id.
        level: Of every interval; each holds by itself, not for all of them together.
    """
    by_arm: dict[str, list[tuple[RaterVerdict, Item]]] = defaultdict(list)
    for verdict in said:
        item = items[verdict.item]
        for arm in item.arms:
            by_arm[arm].append((verdict, item))

    found: list[Pattern] = []
    for arm in sorted(by_arm):
        outputs = _Outputs(arm, by_arm[arm], level)
        groups = _groups(outputs.rows)
        for figure in _figures(outputs, batch):
            found += _patterns_of(figure, outputs, groups)
    return tuple(found)


def _patterns_of(
    figure: _Figure,
    outputs: _Outputs,
    groups: Mapping[str, NDArray[np.intp]],
) -> list[Pattern]:
    """The pattern among all rows and in each group where it was seen."""
    found: list[Pattern] = []
    for name, rows in groups.items():
        if not figure.seen_in(rows):
            continue
        share = outputs.share(figure, rows)
        overall = float(np.nanmean(figure.values))
        is_group = name != ""
        pattern = Pattern(
            tag=figure.tag,
            what=figure.what,
            arm=outputs.arm,
            slice=name,
            share=share,
            above=is_group and share.low > overall,
            comments=outputs.quotes(figure, rows),
        )
        found.append(pattern)
    return sorted(found, key=lambda p: (p.slice != "", -p.share.value, p.slice))


def _figures(outputs: _Outputs, batch: Batch) -> Iterator[_Figure]:
    """Each kind of error as a value per row."""
    for criterion in batch.rubric:
        if criterion.scale == "yes/no":
            denied = _denied(outputs, criterion.name)
            yield _Figure(f"not {criterion.name}", "criterion", denied)
    for tag in batch.error_tags:
        yield _Figure(tag, "tag", _ticked(outputs, tag))

    commented = np.zeros(len(outputs.rows))
    commented[list(outputs.comments)] = 1.0
    yield _Figure("commented", "comment", commented)


def _denied(outputs: _Outputs, criterion: str) -> Floats:
    """Share of no on each row; NaN where nobody answered."""
    no = np.zeros(len(outputs.rows))
    answers = np.zeros(len(outputs.rows))
    for verdict, item in outputs.said:
        score = verdict.said.scores.get(criterion)
        if score is not None:
            row = outputs.place[item.example]
            no[row] += 1 - score
            answers[row] += 1

    with np.errstate(invalid="ignore"):
        share = no / answers
    return np.asarray(share)


def _ticked(outputs: _Outputs, tag: str) -> Floats:
    """1 for each row on which anybody ticked the error."""
    ticked = np.zeros(len(outputs.rows))
    for verdict, item in outputs.said:
        row = outputs.place[item.example]
        ticked[row] = max(ticked[row], tag in verdict.said.tags)
    return ticked


def _groups(rows: Sequence[Item]) -> dict[str, NDArray[np.intp]]:
    """All rows (under the empty name), and the rows of each group that is large enough."""
    by_field: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for n, item in enumerate(rows):
        values = {**item.groups, **item.slices}
        for field, value in values.items():
            by_field[field][value].append(n)

    groups: dict[str, list[int]] = {"": list(range(len(rows)))}
    for field in sorted(by_field):
        by_value = by_field[field]
        by_value.pop("", None)
        if 1 < len(by_value) <= MOST_GROUPS:
            groups |= {f"{field}={value}": by_value[value] for value in sorted(by_value)}

    large = [name for name in groups if len(groups[name]) >= FEW]
    return {name: np.array(groups[name]) for name in large}
