"""Whether a model may be released, and what to do with it next."""

from __future__ import annotations

from typing import Literal

from tunewell.types.figures import Estimate
from tunewell.types.findings import Finding, Threshold
from tunewell.types.values import Value

Outcome = Literal["GO", "NO-GO", "INCONCLUSIVE"]


class Criterion(Value):
    """One gate, decided.

    Attributes:
        name: The gate in words, such as ``key_points tuned - prompted >= 0.02``.
        outcome: Its own GO, NO-GO or INCONCLUSIVE.
        estimate: What was measured.
        threshold: What it was held against.
        why: One sentence.
        needs: What would settle it, if anything (``about 140 more test rows``); empty when decided.
        slice: The slice it speaks of, if not all.
    """

    name: str
    outcome: Outcome
    estimate: Estimate | None = None
    threshold: Threshold | None = None
    why: str
    needs: str = ""
    slice: str = ""


class Verdict(Value):
    """GO, NO-GO or INCONCLUSIVE, with what made it and what would change it."""

    outcome: Outcome
    why: str
    criteria: tuple[Criterion, ...]
    findings: tuple[Finding, ...] = ()
    would_change: tuple[str, ...] = ()


class Decision(Value):
    """What to do next with a model version."""

    action: Literal["promote", "hold", "collect", "retrain", "roll back"]
    why: str
    evidence: tuple[str, ...] = ()
    gain: Estimate | None = None
    cost: Estimate | None = None
    author: str = ""
