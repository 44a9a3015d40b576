"""What blind comparisons came to, as gates and reports read it: one event when each is closed."""

from __future__ import annotations

import datetime as dt
from typing import Final, Literal

from pydantic import Field

from tunewell.store import Store
from tunewell.types import Estimate, Finding, Outcome, Value

SIGNED: Final = "comparison-signed"
"""Kind of the event that fixes a design."""

CLOSED: Final = "comparison"
"""Kind of the event that holds the outcome of a comparison that was closed."""


class ComparisonOutcome(Value):
    """What a comparison found, whole.

    Attributes:
        name: Of the comparison.
        version: Of its design.
        arms: The candidate, then what it would replace.
        candidate: Version of the first arm.
        outcome: GO where the first arm is preferred, NO-GO where the second is, else INCONCLUSIVE.
        preference: Win rate of the first arm at the look that counts; None before any look.
        without: The same without raters who are named as careless.
        adjusted: Between answers alike in style.
        verdicts: How many ratings and outcomes it rests on.
        planned: How many were planned.
        raters: How many people rated.
        favours: The arm that is preferred; empty where neither clearly is.
        why: One sentence.
        findings: L01 and L02.
        aa: Whether both arms were the same.
        at: When it was closed, UTC.
        signed_by: Who signed the design.
    """

    name: str
    version: str
    arms: tuple[str, str]
    candidate: str = ""
    outcome: Outcome
    preference: Estimate | None
    without: Estimate | None = None
    adjusted: Estimate | None = None
    verdicts: int
    planned: int
    raters: int
    favours: Literal["first", "second", ""] = ""
    why: str
    findings: tuple[Finding, ...] = Field(default=())
    aa: bool = False
    at: dt.datetime | None = None
    signed_by: str = ""


def compared(store: Store) -> dict[str, ComparisonOutcome]:
    """Every comparison that was closed, by name."""
    found = {}
    for event in store.said(CLOSED):
        outcome = ComparisonOutcome.model_validate(event.record)
        found[event.subject] = outcome.model_copy(update={"at": event.at})
    return found


def write_outcome(store: Store, outcome: ComparisonOutcome, *, author: str) -> None:
    """Record what a comparison came to, for gates and reports."""
    store.say(CLOSED, outcome.name, author=author, record=outcome.model_dump(mode="json"))
