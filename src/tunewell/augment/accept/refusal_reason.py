"""Why a row is not taken."""

from __future__ import annotations

from dataclasses import dataclass

from tunewell.augment.nouns import Reason


@dataclass(frozen=True)
class NotTaken:
    """Why a row is not taken.

    Attributes:
        reason: As it is counted.
        evidence: What was seen.
        other: Id of the row that it copies, leaks from or repeats.
    """

    reason: Reason
    evidence: str = ""
    other: str = ""
