"""All evidence of the records around one change."""

from __future__ import annotations

from collections.abc import Sequence

from tunewell.monitor.evidence.base import CauseEvidence, TimeWindow
from tunewell.monitor.evidence.fields import field_evidence
from tunewell.monitor.evidence.gaps import lost_rows_evidence, silence_evidence
from tunewell.monitor.evidence.versions import version_evidence
from tunewell.monitor.evidence.words import new_word_evidence
from tunewell.monitor.records import DatedRecords


def collect(streams: Sequence[DatedRecords], window: TimeWindow) -> tuple[CauseEvidence, ...]:
    """What the records of all streams show around one change.

    Args:
        streams: Everything that is watched.
        window: When the change began.
    """
    found: list[CauseEvidence] = []
    for records in streams:
        found += field_evidence(records, window)
        found += version_evidence(records, window)
        found += lost_rows_evidence(records, window)
        found += silence_evidence(records, streams, window)
        found += new_word_evidence(records, window)
    return tuple(found)
