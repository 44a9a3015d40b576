"""What the findings of an evaluation share: what decides, which way is worse, how it is written."""

from __future__ import annotations

from typing import Final

from tunewell.evaluate.scored_arms import ScoredArms
from tunewell.types import Estimate, Finding, MetricInfo, Threshold

STAGE: Final = "evaluate"
ZERO: Final = Threshold(value=0.0, origin="built-in")


def unchecked(code: str, why: str) -> Finding:
    """A pitfall that could not be measured, with the reason."""
    return Finding(
        code=code,
        status="unchecked",
        stage=STAGE,
        why=why,
    )


def clear(code: str, why: str) -> Finding:
    """A pitfall that was looked for and is not there."""
    return Finding(
        code=code,
        status="clear",
        stage=STAGE,
        why=why,
    )


def no_candidate(measured: ScoredArms) -> str:
    """Why nothing can be said of the candidate: none was trained here, or none was given."""
    if measured.made_elsewhere:
        return "No outputs of the candidate were given (tuned=FILE)."
    return "There is no tuned model to compare."


def deciding_metrics(measured: ScoredArms) -> list[str]:
    """Metrics that the decision turns on: those of the gates, else the task's own, else nats."""
    known = measured.table.metrics
    gated = dict.fromkeys(g.metric for g in measured.file.spec.gates if g.metric in known)
    own = [name for name, info in known.items() if info.own]
    return list(gated) or own or ["nats"]


def is_better(difference: Estimate, info: MetricInfo) -> bool:
    """Whether all of a difference's interval is on the better side of 0."""
    return _all_on_one_side(difference, above=info.bigger_is_better)


def is_worse(difference: Estimate, info: MetricInfo) -> bool:
    """Whether all of a difference's interval is on the worse side of 0."""
    return _all_on_one_side(difference, above=not info.bigger_is_better)


def _all_on_one_side(difference: Estimate, *, above: bool) -> bool:
    return difference.low > 0 if above else difference.high < 0


def signed(estimate: Estimate) -> str:
    """A difference with its interval, each with its sign."""
    return f"{estimate.value:+.3g} [{estimate.low:+.3g}, {estimate.high:+.3g}]"
