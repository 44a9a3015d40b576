"""Whether another model, another template or another judge came into use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from tunewell.monitor.evidence.base import (
    CauseEvidence,
    EvidenceKind,
    TimeWindow,
    day_of,
    moment,
)
from tunewell.monitor.evidence.fields import role_of
from tunewell.monitor.records import Categories, DatedRecords
from tunewell.types import Cause

IN_USE: Final = 0.05
"""Share of the records after a change that a new version has at least."""

UNUSED: Final = 0.005
"""Share of those before it that it had at most."""

SPEAKS_FOR: Final[dict[str, tuple[EvidenceKind, Cause]]] = {
    "model": ("model version", "model"),
    "template": ("template", "instrumentation"),
    "judge": ("judge version", "judge"),
}
"""A template is ours: that answers are others after it is no decay of the model."""


def version_evidence(records: DatedRecords, window: TimeWindow) -> Iterator[CauseEvidence]:
    """Versions that came into use in a window."""
    for name, field in records.categories.items():
        role = role_of(name)
        if role in SPEAKS_FOR:
            yield from _new_version(records, name, field, window)


def _new_version(
    records: DatedRecords,
    name: str,
    field: Categories,
    window: TimeWindow,
) -> Iterator[CauseEvidence]:
    before = field.codes[window.before(records)]
    after = field.codes[window.after(records)]
    if not len(before) or not len(after):
        return
    kind, cause = SPEAKS_FOR[role_of(name)]
    size = len(field.values)
    was = np.bincount(before[before >= 0], minlength=size) / len(before)
    now = np.bincount(after[after >= 0], minlength=size) / len(after)
    for code in np.nonzero((now >= IN_USE) & (was <= UNUSED))[0]:
        value = field.values[code]
        first = records.seconds[window.whole(records)][
            field.codes[window.whole(records)] == code
        ].min()
        if not window.is_near(float(first)):
            continue
        yield CauseEvidence(
            kind=kind,
            cause=cause,
            stream=records.name,
            fields=(name,),
            values=(value,),
            at=moment(float(first)),
            what=f"{name} {value} came into use on {day_of(float(first))}",
        )
