"""T05: no gain over the same base model with a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tunewell.evaluate.findings.common import (
    STAGE,
    ZERO,
    deciding_metrics,
    is_better,
    is_worse,
    no_candidate,
    signed,
    unchecked,
)
from tunewell.evaluate.scored_arms import ScoredArms
from tunewell.stats import bonferroni_level
from tunewell.types import Estimate, Finding

CODE = "T05"


def no_gain(measured: ScoredArms) -> list[Finding]:
    """T05: the tuned model against the base model with its best prompt, on the deciding metrics.

    A model in production that it is worse than is a finding of its own, whatever the base does. The
    confidence is shared among the metrics (Bonferroni): one lucky metric of many is no gain.
    """
    behind = _behind_production(measured)
    found = _against_rival(measured)
    if behind is None:
        return [found]
    return [behind] if found.status == "unchecked" else [found, behind]


def _behind_production(measured: ScoredArms) -> Finding | None:
    table = measured.table
    names = [m for m in deciding_metrics(measured) if table.have("tuned", "production", m)]
    for difference in _differences(measured, names, against="production"):
        if is_worse(difference.tested, table.metrics[difference.metric]):
            return Finding(
                code=CODE,
                status="found",
                stage=STAGE,
                why=f"The candidate is worse than the model in production: {difference}.",
                estimate=difference.shown,
                threshold=ZERO,
                remedy="do not ship; keep the model in production",
                blocking=True,
            )
    return None


class _Rival(NamedTuple):
    """What the tuned model has to beat: its arm, what it is called, and the way out beside data."""

    arm: str
    name: str
    short: str
    way: str


_PROMPTED = _Rival(
    arm="prompted",
    name="the same base model with a prompt",
    short="the prompted base model",
    way="a prompt may be enough",
)
_BASE = _Rival(
    arm="base", name="the base model", short="the base model", way="the base may be enough"
)
"""Of a model that hears, which takes no prompt."""


def _against_rival(measured: ScoredArms) -> Finding:
    table = measured.table
    rival = _BASE if any(row.audio for row in measured.rows) else _PROMPTED
    names = [m for m in deciding_metrics(measured) if table.have("tuned", rival.arm, m)]
    if not names:
        return unchecked(CODE, _why_not_compared(measured))

    differences = _differences(measured, names, against=rival.arm)
    if not differences:
        return unchecked(CODE, "Too few held-out families to compare.")

    gains = [d for d in differences if is_better(d.tested, table.metrics[d.metric])]
    losses = [d for d in differences if is_worse(d.tested, table.metrics[d.metric])]
    if gains:
        return _gain(gains[0], rival)
    if losses:
        return _loss(losses[0], rival)
    return _not_shown(differences[0], rival)


def _why_not_compared(measured: ScoredArms) -> str:
    arms = measured.table.arms
    if "tuned" in arms and "prompted" not in arms:
        return (
            "No outputs of the base model with a prompt were given (prompted=FILE): whether a "
            "prompt would do as well is not known."
        )
    return no_candidate(measured)


@dataclass(frozen=True)
class _Difference:
    """Tuned minus another arm on one metric.

    Attributes:
        metric: Its name.
        shown: At the project's level: the one interval that is shown.
        tested: At the level corrected for the number of metrics, on which the finding rests.
        of: How many metrics share the confidence.
    """

    metric: str
    shown: Estimate
    tested: Estimate
    of: int

    def __str__(self) -> str:
        return f"{self.metric} {signed(self.shown)}"

    @property
    def note(self) -> str:
        """What to add where the interval that is shown says more than may be claimed."""
        clear = self.shown.low > 0 or self.shown.high < 0
        return f" once corrected for {self.of} metrics" if clear and self.of > 1 else ""


def _differences(
    measured: ScoredArms,
    names: Sequence[str],
    *,
    against: str,
) -> list[_Difference]:
    table, count = measured.table, max(1, len(names))
    found = []
    for metric in names:
        shown = table.compare("tuned", against, metric, level=measured.level)
        corrected = bonferroni_level(measured.level, count)
        tested = table.compare("tuned", against, metric, level=corrected)
        if shown is not None and tested is not None:
            found.append(_Difference(metric, shown, tested, count))
    return found


def _gain(difference: _Difference, rival: _Rival) -> Finding:
    return Finding(
        code=CODE,
        status="clear",
        stage=STAGE,
        why=f"Against {rival.short}: {difference}.",
        estimate=difference.shown,
        threshold=ZERO,
    )


def _loss(difference: _Difference, rival: _Rival) -> Finding:
    return Finding(
        code=CODE,
        status="found",
        stage=STAGE,
        why=f"The tuned model is worse than {rival.name}: {difference}.",
        estimate=difference.shown,
        threshold=ZERO,
        remedy=f"do not ship; {rival.way}",
        blocking=True,
    )


def _not_shown(difference: _Difference, rival: _Rival) -> Finding:
    return Finding(
        code=CODE,
        status="found",
        stage=STAGE,
        why=f"The tuned model is not shown to be better than {rival.name}{difference.note}: "
        f"{difference}.",
        estimate=difference.shown,
        threshold=ZERO,
        remedy=f"more held-out rows, or {rival.way}",
    )
