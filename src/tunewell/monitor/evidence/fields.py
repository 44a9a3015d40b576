"""Whether a field is no longer what it was: its values renamed, left out, or on another scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewell.monitor.channel import Floats
from tunewell.monitor.evidence.base import (
    DAY_S,
    CauseEvidence,
    TimeWindow,
    day_of,
    moment,
)
from tunewell.monitor.records import Categories, DatedRecords
from tunewell.plurals import per_cent, plural

FEWEST: Final = 8
"""A value that is expected so often and never comes has ended; one that comes so often began."""

SAME_DAY_S: Final = 4 * DAY_S
"""Longest time between the end of a value and the beginning of another that replaces it."""

STRAY: Final = 0.05
"""Share of the records that were due that may still come, or come early."""

LARGEST_CHANGE: Final = 3.0
"""A value that replaces another is at most so many times as frequent, or as rare."""

FILL_JUMP: Final = 0.25
"""By so much the share of records without a value has to change."""

FEW_VALUES: Final = 12
"""Numbers with no more distinct values are a scale."""

OFF_SCALE: Final = 0.1
"""Share of the numbers after a change that the scale before it did not have."""


def field_evidence(records: DatedRecords, window: TimeWindow) -> Iterator[CauseEvidence]:
    """Everything that happened to the fields of a stream in a window."""
    if window.days_after <= 0:
        return
    for name, field in records.categories.items():
        yield from _renamed(records, name, field, window)
        yield from _filled(records, name, field.codes >= 0, window)
    for name, numbers in records.numbers.items():
        yield from _scaled(records, name, numbers, window)


@dataclass(frozen=True)
class _ValueChange:
    """A value that ended or began.

    Attributes:
        value: Which.
        rate: Of records a day, while it was in use.
        at: Its last or first time, seconds.
    """

    value: str
    rate: float
    at: float


def _renamed(
    records: DatedRecords,
    name: str,
    field: Categories,
    window: TimeWindow,
) -> Iterator[CauseEvidence]:
    """Values that end where others begin, about as frequent: renamed, merged or divided."""
    if role_of(name) != "plain":
        return
    ended = list(_ended(records, field, window))
    began = list(_began(records, field, window))
    if not ended or not began:
        return
    last = max(change.at for change in ended)
    first = min(change.at for change in began)
    together = abs(first - last) <= SAME_DAY_S
    before = sum(change.rate for change in ended)
    after = sum(change.rate for change in began)
    if not together or not 1 / LARGEST_CHANGE < after / before < LARGEST_CHANGE:
        return
    old = tuple(change.value for change in ended)
    new = tuple(change.value for change in began)
    what = (
        f"the values of {name} changed: {', '.join(old[:3])} ended and {', '.join(new[:3])} "
        f"began on {day_of(first)}"
    )
    yield CauseEvidence(
        kind="renamed",
        cause="instrumentation",
        stream=records.name,
        fields=(name,),
        values=(*old, *new),
        at=moment(first),
        what=what,
    )


def _ended(
    records: DatedRecords,
    field: Categories,
    window: TimeWindow,
) -> Iterator[_ValueChange]:
    """Values in use that come to an end, although more of them were due."""
    for value, times in _times_of(records, field, window):
        # One record in a hundred may be late: somebody still had the old list.
        late = len(times) // 100
        last = float(times[len(times) - 1 - late])
        used_days = max((last - window.begin_s) / DAY_S, 1.0)
        due = len(times) / used_days * (window.end_s - last) / DAY_S
        if due >= FEWEST and late <= STRAY * due and window.is_near(last):
            yield _ValueChange(value, len(times) / used_days, last)


def _began(
    records: DatedRecords,
    field: Categories,
    window: TimeWindow,
) -> Iterator[_ValueChange]:
    """Values that begin, although they were due before if they had been in use."""
    for value, times in _times_of(records, field, window):
        early = len(times) // 100
        first = float(times[early])
        used_days = max((window.end_s - first) / DAY_S, 1.0)
        due = len(times) / used_days * (first - window.begin_s) / DAY_S
        if due >= FEWEST and early <= STRAY * due and window.is_near(first):
            yield _ValueChange(value, len(times) / used_days, first)


def _times_of(
    records: DatedRecords,
    field: Categories,
    window: TimeWindow,
) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """The times of each value that is not rare, around a change."""
    stretch = window.whole(records)
    codes = field.codes[stretch]
    seconds = records.seconds[stretch]
    counts = np.bincount(codes[codes >= 0], minlength=len(field.values))
    for code in np.nonzero(counts >= FEWEST)[0]:
        yield field.values[code], seconds[codes == code]


def _filled(
    records: DatedRecords,
    name: str,
    has_value: NDArray[np.bool_],
    window: TimeWindow,
) -> Iterator[CauseEvidence]:
    """A field that is left out where it was filled, or the other way round."""
    before = has_value[window.before(records)]
    after = has_value[window.after(records)]
    if len(before) < 4 * FEWEST or len(after) < FEWEST:
        return
    change = float(after.mean() - before.mean())
    error = np.sqrt(0.25 / len(after) + 0.25 / len(before))
    if abs(change) < max(FILL_JUMP, 5 * error):
        return
    now, then = per_cent(after.mean()), per_cent(before.mean())
    what = f"{name} is filled in {now} of the records, {then} before"
    yield CauseEvidence(
        kind="fill",
        cause="instrumentation",
        stream=records.name,
        fields=(name,),
        what=what,
    )


def _scaled(
    records: DatedRecords,
    name: str,
    numbers: Floats,
    window: TimeWindow,
) -> Iterator[CauseEvidence]:
    """A number that is given on another scale: other values than it ever had."""
    before = _known(numbers[window.before(records)])
    after = _known(numbers[window.after(records)])
    if len(before) < 4 * FEWEST or len(after) < FEWEST:
        return
    scale = np.unique(before)
    now = np.unique(after)
    if len(scale) > FEW_VALUES or len(now) > FEW_VALUES:
        return
    off = float((~np.isin(after, scale)).mean())
    unused = float((~np.isin(before, now)).mean())
    if off < OFF_SCALE or unused < OFF_SCALE:
        return
    what = (
        f"{name} has other values: {_listed(now)}, before {_listed(scale)} "
        f"({plural(len(after), 'record')} since)"
    )
    yield CauseEvidence(
        kind="scale",
        cause="instrumentation",
        stream=records.name,
        fields=(name,),
        what=what,
    )


def _known(numbers: Floats) -> Floats:
    return numbers[~np.isnan(numbers)]


def _listed(values: Floats) -> str:
    return ", ".join(f"{value:g}" for value in values[:6])


# --- fields that tell of versions -----------------------------------------------------------------

ROLES: Final = {
    "model": ("version", "model", "served", "model_version", "provider", "system_fingerprint"),
    "template": ("prompt_version", "template", "prompt", "prompt_template", "system_prompt"),
    "judge": ("judge", "judge_version", "scorer", "scorer_version"),
}
"""Names of fields that say which model answered, with which template, and who judged."""


def role_of(name: str) -> str:
    """Whether a field tells of the ``model``, the ``template`` or the ``judge``; else ``plain``.

    Example:
        >>> role_of("prompt_version"), role_of("Model"), role_of("region")
        ('template', 'model', 'plain')
    """
    short = name.rpartition(".")[2].lower().replace("-", "_").replace(" ", "_")
    for role, names in ROLES.items():
        if short in names:
            return role
    return "plain"
