"""How much one key may ask for, and how many requests may be in work."""

from __future__ import annotations

import time
from collections.abc import Callable

from tunewell.task import TrafficLimits


class RateLimit:
    """Lets each key make so many requests a minute, a tenth of a minute's at once.

    Args:
        limits: Of the gateway.
        clock: Seconds; for tests.
    """

    def __init__(
        self, limits: TrafficLimits, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = limits.requests_per_minute / 60
        self._most = max(1.0, limits.requests_per_minute / 10)
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def wait_s(self, key: str) -> float:
        """Take one request of a key; seconds until there is one, or 0 if it was taken.

        Example:
            >>> limit = RateLimit(TrafficLimits(requests_per_minute=60), clock=lambda: 0.0)
            >>> [limit.wait_s("a") for _ in range(7)]
            [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
        """
        if not self._per_second:
            return 0.0
        now = self._clock()
        left, since = self._left.get(key, (self._most, now))
        left = min(self._most, left + (now - since) * self._per_second)
        if left >= 1:
            self._left[key] = (left - 1, now)
            return 0.0
        self._left[key] = (left, now)
        return (1 - left) / self._per_second
