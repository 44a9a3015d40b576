"""Tests on traffic as the report draws them: what each came to, and its effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tunewell.experiments import ExperimentOutcome, closed_experiments
from tunewell.report.interval_charts import Scale
from tunewell.store import Store

_KINDS: Final = {"GO": "go", "NO-GO": "nogo"}


@dataclass(frozen=True)
class ExperimentPart:
    """One test, ready to draw.

    Attributes:
        outcome: As it was recorded when it was closed.
    """

    outcome: ExperimentOutcome

    @property
    def kind(self) -> str:
        """How its effect is drawn."""
        return _KINDS.get(self.outcome.outcome, "open")

    @property
    def scale(self) -> Scale:
        """What its effect is drawn on: no difference in the middle."""
        effect = self.outcome.effect
        reach = max(abs(effect.low), abs(effect.high)) if effect else 1.0
        return Scale(-1.1 * reach, 1.1 * reach)


def experiment_parts(store: Store) -> tuple[ExperimentPart, ...]:
    """Every test on traffic that was closed, the newest first."""
    found = reversed(closed_experiments(store).values())
    return tuple(map(ExperimentPart, found))
