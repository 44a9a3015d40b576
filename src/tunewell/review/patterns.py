"""Patterns of error: what people tick, deny and write, by slice, source and kind of row, each with its interval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
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


class Pattern(Value):
    """How often something is wrong, everywhere or in one group of rows.

    Attributes:
        tag: The kind of error, the criterion that was denied, or ``commented``.
        what: ``tag`` (at least one reviewer ticked it), ``criterion`` (share of no) or ``comment``
            (one was written).
        arm: Whose outputs.
        slice: Which rows: ``region=north``, ``source=mail``, ``kind=bill question``; empty =
            everywhere.
        share: Of the rows, clustered by family.
        above: Whether the whole interval lies above the share everywhere.
        comments: What was written on such rows, the newest first.
    """

    tag: str
    what: Literal["tag", "criterion", "comment"] = "tag"
    arm: str
    slice: str
    share: Estimate
    above: bool = False
    comments: tuple[str, ...] = ()


def patterns(
    batch: Batch, said: Sequence[RaterVerdict], items: Mapping[str, Item], *, level: float = 0.95
) -> tuple[Pattern, ...]:
    """Every pattern that was seen at least once, by arm and kind, everywhere first, then the worst group first.

    Args:
        batch: The review.
        said: Verdicts that stand, without calibration rows.
        items: By id.
        level: Of every interval; each holds by itself, not for all of them together.
    """
    by_arm: dict[str, list[tuple[RaterVerdict, Item]]] = defaultdict(list)
    for v in said:
        for arm in items[v.item].arms:
            by_arm[arm].append((v, items[v.item]))
    out: list[Pattern] = []
    for arm in sorted(by_arm):
        out += _of_arm(arm, by_arm[arm], batch, level)
    return tuple(out)


def _of_arm(
    arm: str, words: Sequence[tuple[RaterVerdict, Item]], batch: Batch, level: float
) -> list[Pattern]:
    rows = list({item.example: item for _, item in words}.values())
    place = {item.example: n for n, item in enumerate(rows)}
    families = np.unique([item.family or item.example for item in rows], return_inverse=True)[1]
    parts = _parts(rows)
    found: list[Pattern] = []
    for tag, what, values, comments in _figures(words, place, batch):
        here = [
            (part, _share(values[where], families[where], level), where)
            for part, where in parts
            if values[where].any() and not np.isnan(values[where]).all()
        ]
        if not here:
            continue
        everywhere = float(np.nanmean(values))
        lines = [
            Pattern(
                tag=tag,
                what=what,
                arm=arm,
                slice=part,
                share=share,
                above=bool(part) and share.low > everywhere,
                comments=tuple(text for n in where.tolist() for text in comments.get(n, ()))[
                    :QUOTED
                ],
            )
            for part, share, where in here
        ]
        found += sorted(lines, key=lambda p: (p.slice != "", -p.share.value, p.slice))
    return found


def _figures(
    words: Sequence[tuple[RaterVerdict, Item]], place: Mapping[str, int], batch: Batch
) -> list[tuple[str, Literal["tag", "criterion", "comment"], Floats, dict[int, list[str]]]]:
    """Each pattern as a value per row (NaN where nobody answered), with the comments on rows where it is not 0."""
    ticked = {tag: np.zeros(len(place)) for tag in batch.error_tags}
    yes_no = [c.name for c in batch.rubric if c.scale == "yes/no"]
    no, answers = ({name: np.zeros(len(place)) for name in yes_no} for _ in range(2))
    commented = np.zeros(len(place))
    comments: dict[int, list[str]] = defaultdict(list)
    for v, item in reversed(words):
        n = place[item.example]
        for tag in v.said.tags:
            ticked[tag][n] = 1.0
        for name in yes_no:
            if name in v.said.scores:
                no[name][n] += 1 - v.said.scores[name]
                answers[name][n] += 1
        if v.said.comment.strip():
            commented[n] = 1.0
            comments[n].append(v.said.comment.strip())
    with np.errstate(invalid="ignore"):
        denied = {
            name: np.where(answers[name] > 0, no[name] / answers[name], np.nan) for name in yes_no
        }

    def of(values: Floats) -> dict[int, list[str]]:
        return {n: texts for n, texts in comments.items() if values[n] > 0}

    return [
        *((f"not {name}", "criterion", values, of(values)) for name, values in denied.items()),
        *((tag, "tag", values, of(values)) for tag, values in ticked.items()),
        ("commented", "comment", commented, of(commented)),
    ]


def _parts(rows: Sequence[Item]) -> list[tuple[str, NDArray[np.intp]]]:
    """All rows, and the rows of each group that is large enough."""
    groups: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for n, item in enumerate(rows):
        for field, value in {**item.groups, **item.slices}.items():
            if value:
                groups[field][value].append(n)
    out = [("", np.arange(len(rows)))] if len(rows) >= FEW else []
    for field, values in sorted(groups.items()):
        if 1 < len(values) <= MOST_GROUPS:
            out += [
                (f"{field}={v}", np.array(where))
                for v, where in sorted(values.items())
                if len(where) >= FEW
            ]
    return out


def _share(values: Floats, families: NDArray[np.intp], level: float) -> Estimate:
    there = ~np.isnan(values)
    values, families = values[there], families[there]
    if np.isin(values, (0.0, 1.0)).all() and np.unique(families).size == families.size:
        return proportion(int(values.sum()), values.size, level=level)
    return mean(values, clusters=families.tolist(), level=level, low=0, high=1)
