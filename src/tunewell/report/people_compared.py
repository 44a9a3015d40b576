"""Blind comparisons as the report draws them: one row for each figure of the preference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tunewell.people.compared import ComparisonOutcome, compared
from tunewell.report.interval_charts import Scale
from tunewell.store import Store
from tunewell.types import Estimate

SHARES: Final = Scale(0.0, 1.0)
"""What a preference is drawn on."""

_KINDS: Final = {"GO": "go", "NO-GO": "nogo"}


@dataclass(frozen=True)
class ComparisonPart:
    """One comparison, ready to draw.

    Attributes:
        outcome: As it was recorded when it was closed.
        rows: Label and estimate of each figure, the one that counts first.
    """

    outcome: ComparisonOutcome
    rows: tuple[tuple[str, Estimate], ...]

    @property
    def kind(self) -> str:
        """How the figure that counts is drawn."""
        return _KINDS.get(self.outcome.outcome, "open")


def comparison_parts(store: Store) -> tuple[ComparisonPart, ...]:
    """Every comparison that was closed, the newest first."""
    found = sorted(compared(store).values(), key=lambda o: str(o.at), reverse=True)
    return tuple(ComparisonPart(outcome, tuple(_rows(outcome))) for outcome in found)


def _rows(outcome: ComparisonOutcome) -> list[tuple[str, Estimate]]:
    named = (
        ("at the look that counts", outcome.preference),
        ("without careless raters", outcome.without),
        ("between answers alike in style", outcome.adjusted),
    )
    return [(label, estimate) for label, estimate in named if estimate is not None]
