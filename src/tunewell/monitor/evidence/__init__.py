"""What in the records speaks for one cause or another: clocks, fields, gaps, versions, words."""

from tunewell.monitor.evidence.base import (
    CauseEvidence,
    EvidenceKind,
    TimeWindow,
)
from tunewell.monitor.evidence.clock import shift_everywhere
from tunewell.monitor.evidence.collect import collect

__all__ = ["CauseEvidence", "EvidenceKind", "TimeWindow", "collect", "shift_everywhere"]
