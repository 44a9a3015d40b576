"""What may still be spent: requests set the most aside that they can cost, and settle behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from tunewell.task import AugmentBudget

BUDGET: Final = "the budget of"
"""How every reason begins that a larger budget would do away with."""


class SpentUpError(Exception):
    """The budget does not hold another request."""


class Allowance:
    """The budget of an augmentation. Shared by threads.

    Args:
        budget: The limits.
        clock: Seconds, rising.
    """

    def __init__(
        self,
        budget: AugmentBudget,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._budget = budget
        self._clock = clock
        self._ends_at = clock() + budget.minutes * 60 if budget.minutes else None
        self._changed = threading.Condition()
        self._tokens = 0
        self._cost = 0.0
        self._open_tokens = 0
        self._open_cost = 0.0
        self.why = ""

    @property
    def seconds_left(self) -> float | None:
        """Until the time is up; None without a limit of time."""
        if self._ends_at is None:
            return None
        return max(0.0, self._ends_at - self._clock())

    @property
    def is_over(self) -> bool:
        """Whether the time is up; what is in flight then is not waited for."""
        if self.seconds_left != 0.0:
            return False
        self.why = self._too_much(0, 0.0)
        return True

    def reserve(
        self,
        tokens: int,
        cost: float,
    ) -> None:
        """Set aside what a request can use at most; waits while others may give something back.

        Raises:
            SpentUpError: It does not fit.
        """
        with self._changed:
            while True:
                why = self._too_much(tokens, cost)
                if not why:
                    break
                if not self._open_tokens or "minutes" in why:
                    self.why = why
                    raise SpentUpError(why)
                self._changed.wait(timeout=1.0)
            self._open_tokens += tokens
            self._open_cost += cost

    def spent(
        self,
        tokens: int,
        cost: float,
    ) -> None:
        """So much was paid in an earlier run of the program, for what this one would ask."""
        with self._changed:
            self._tokens += tokens
            self._cost += cost

    def settle(
        self,
        reserved: tuple[int, float],
        tokens: int,
        cost: float,
    ) -> None:
        """Put what was used in the place of what was set aside."""
        with self._changed:
            self._open_tokens -= reserved[0]
            self._open_cost -= reserved[1]
            self._tokens += tokens
            self._cost += cost
            self._changed.notify_all()

    def _too_much(
        self,
        tokens: int,
        cost: float,
    ) -> str:
        budget = self._budget
        if self._ends_at is not None and self._clock() >= self._ends_at:
            return f"{BUDGET} {budget.minutes:g} minutes is used up"
        if budget.tokens and self._tokens + self._open_tokens + tokens > budget.tokens:
            return f"{BUDGET} {budget.tokens:,} tokens is used up"
        if budget.cost and self._cost + self._open_cost + cost > budget.cost:
            return f"{BUDGET} {budget.cost:g} is used up"
        return ""
