"""How a check says what it found in the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunewell.curate.doctor.case import Case
from tunewell.curate.limits import LIMITS, blocks
from tunewell.curate.rows import InputRow, counted
from tunewell.plurals import per_cent
from tunewell.types import (
    Estimate,
    Finding,
    Threshold,
)


@dataclass(frozen=True)
class Hit:
    """What a check found.

    Attributes:
        code: The pitfall.
        rows: The rows that show it.
        why: In words; how many rows if empty.
        rejects: What to call lines that are no rows and show it too.
        threshold: What was asked for, where it is not the limit of the pitfall.
        evidence: Further fields of the Finding: families, pairs, spans, estimate.
    """

    code: str
    rows: Sequence[InputRow]
    why: str = ""
    rejects: Sequence[str] = ()
    threshold: Threshold | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


def finding(case: Case, hit: Hit) -> Finding:
    """The Finding on what a check found; it blocks where the rows' share is above the limit."""
    n = len(hit.rows) + len(hit.rejects)
    limit = LIMITS.get(hit.code)
    threshold = hit.threshold
    if threshold is None and limit is not None:
        threshold = Threshold(value=limit, origin="built-in")
    values: dict[str, Any] = {
        "code": hit.code,
        "status": "clear",
        "stage": "doctor",
        "why": f"none of {case.read} rows",
        "estimate": Estimate.exact(float(n), n=case.read),
        "threshold": threshold,
        "rows": (*case.ids(hit.rows), *hit.rejects),
        **hit.evidence,
    }
    if n:
        share = n / case.read
        values["status"] = "found"
        values["why"] = hit.why or f"{n} of {case.read} rows ({per_cent(share, 1)})"
        values["remedy"] = case.remedies.of(hit.code)
        values["blocking"] = blocks(hit.code, n, of=case.read)
    return Finding(**values)


def in_words(counts: Counter[str]) -> str:
    """How many there are of each kind, the most frequent first."""
    return counted(dict(counts.most_common()))


def unchecked(
    code: str,
    why: str,
    remedy: str = "",
) -> Finding:
    """What could not be checked, and why."""
    return Finding(
        code=code,
        status="unchecked",
        stage="doctor",
        why=why,
        remedy=remedy,
    )
