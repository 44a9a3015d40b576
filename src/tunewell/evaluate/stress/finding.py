"""E05: kinds of stress that raise the failure rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tunewell.evaluate.stress.result import Endured, Stressed
from tunewell.plurals import per_cent
from tunewell.types import Finding, Threshold

STAGE: Final = "stress"
MARGIN: Final = 0.05
"""An increase of the failure rate up to this much is borne."""


def stress_findings(result: Stressed, *, level: float) -> list[Finding]:
    """E05 for each kind of stress, corrected for their number; one clear finding if none hurts."""
    found = [_finding(kind) for kind in result.kinds if _hurts(kind, level)]
    return found or [_nothing_found(result.kinds)]


def _hurts(kind: Endured, level: float) -> bool:
    if kind.adjusted is None or kind.adjusted > 1 - level:
        return False
    return kind.increase.low > 0


def _finding(kind: Endured) -> Finding:
    up = kind.increase
    stressed, clean = per_cent(kind.stressed.value), per_cent(kind.clean.value)
    rates = f"{stressed} of the answers fail instead of {clean}"
    low, high = (per_cent(end, signed=True) for end in (up.low, up.high))
    return Finding(
        code="E05",
        status="found",
        stage=STAGE,
        why=f"{kind.name}: {rates} ({per_cent(up.value, signed=True)} [{low}, {high}]). "
        f"{kind.about}",
        estimate=up.model_copy(update={"unit": "share of answers"}),
        threshold=Threshold(value=0.0, origin="built-in"),
        rows=kind.worst,
        remedy=f"augment the training rows with {kind.name}",
        blocking=up.low > MARGIN,
    )


def _nothing_found(kinds: Sequence[Endured]) -> Finding:
    spoilt = [kind.name for kind in kinds if kind.label == "not kept"]
    note = ""
    if spoilt:
        note = f" By people's word not label-preserving, so not counted: {', '.join(spoilt)}."
    counted = len(kinds) - len(spoilt)
    if not counted:
        why = "No perturbation that keeps the right answer applies to these rows."
        return Finding(
            code="E05",
            status="unchecked",
            stage=STAGE,
            why=why + note,
        )
    why = f"None of {counted} kinds of stress is shown to raise the failure rate."
    return Finding(
        code="E05",
        status="clear",
        stage=STAGE,
        why=why + note,
    )
