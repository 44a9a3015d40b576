"""How many requests may be in flight: fewer when the server refuses, slowly more when it answers.

Additive increase, multiplicative decrease: of all simple rules the one under which several clients
of one server end up with fair shares (Chiu & Jain 1989, Computer Networks and ISDN Systems 17).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

KEPT: Final = 0.75
"""Share of the places that is left after the first refusal of a burst."""

ANSWERS_FOR_ONE_MORE: Final = 25
"""Answers in a row after which one more request may be in flight."""


@dataclass
class Turn:
    """One request in flight.

    Attributes:
        burst: How often the throttle had been cut when the request began: requests that began
            before a cut belong to the burst that it answered.
    """

    burst: int
    outcome: str = ""

    def refused(self) -> None:
        """The server said that there are too many requests (429)."""
        self.outcome = "refused"

    def answered(self) -> None:
        """The server gave an answer."""
        self.outcome = "answered"


class Throttle:
    """Lets so many requests go at once. Shared by threads.

    Args:
        most: Never more than this, and this many to begin with.

    Example:
        >>> throttle = Throttle(16)
        >>> with throttle.turn() as turn:
        ...     turn.refused()
        >>> throttle.limit
        12
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = most
        self._in_flight = 0
        self._cuts = 0
        self._answers = 0
        self._changed = threading.Condition()

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return self._limit

    @property
    def cuts(self) -> int:
        """How many bursts of refusals there were."""
        return self._cuts

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """Waits for a place, and gives it back at the end."""
        with self._changed:
            while self._in_flight >= self._limit:
                self._changed.wait()
            self._in_flight += 1
            turn = Turn(self._cuts)
        try:
            yield turn
        finally:
            with self._changed:
                self._in_flight -= 1
                self._learn(turn)
                self._changed.notify_all()

    def _learn(self, turn: Turn) -> None:
        if turn.outcome == "refused":
            self._answers = 0
            # Those that were under way when it was cut say nothing about the new limit.
            if turn.burst == self._cuts:
                self._cuts += 1
                self._limit = max(1, int(self._limit * KEPT))
        elif turn.outcome == "answered":
            self._answers += 1
            if self._answers >= ANSWERS_FOR_ONE_MORE:
                self._answers = 0
                self._limit = min(self._most, self._limit + 1)
