"""Who waits to be signed in: a short line, of which no address may have more than half."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

import anyio
import anyio.to_thread

from tunewell.people import Account, Passwords
from tunewell.people.password_hash import matching
from tunewell.web.refused import Refused

T = TypeVar("T")

MOST_WAITING = 120
"""Attempts that wait at any time; at about twenty hashes a second, the last waits six seconds."""

MOST_OF_ONE_ADDRESS = 60

ASIDE = 4
"""Threads for what a sign-in asks of the database: strangers never hold those of the others."""

SINGLY = 20
"""Failures of one address in `WINDOW_S` that are logged one by one; then every hundredth."""

WINDOW_S = 15 * 60.0
MOST_ADDRESSES = 10_000


class SignInLine:
    """Lets attempts through, a few at a time.

    Args:
        passwords: Of the project.
    """

    def __init__(self, passwords: Passwords) -> None:
        self.passwords = passwords
        self._waiting: Counter[str] = Counter()
        self._aside: anyio.CapacityLimiter | None = None

    async def check(self, name: str, password: str, *, address: str) -> Account | None:
        """The account that a name and a password open, or None.

        Raises:
            Refused: 429, too many are waiting.
            UserError: Too many failed attempts of this name from this address.
        """
        with self._place(address):
            attempt = await self.aside(lambda: self.passwords.begin(name, address=address))
            matches = await asyncio.wrap_future(matching(password, attempt.kept))
            return await self.aside(lambda: self.passwords.end(attempt, matches))

    async def aside(self, ask: Callable[[], T]) -> T:
        """Run something in one of the few threads that sign-ins have."""
        if self._aside is None:
            self._aside = anyio.CapacityLimiter(ASIDE)
        return await anyio.to_thread.run_sync(ask, limiter=self._aside)

    @contextlib.contextmanager
    def _place(self, address: str) -> Iterator[None]:
        is_full = self._waiting.total() >= MOST_WAITING
        if is_full or self._waiting[address] >= MOST_OF_ONE_ADDRESS:
            raise Refused(429, "too many people are signing in", hint="try again in ten seconds")
        self._waiting[address] += 1
        try:
            yield
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address]


class FailureLog:
    """Says which failures are written into the log, which can only grow.

    Strangers can fail as often as they like; they must not be able to fill a disk with it.
    """

    def __init__(self) -> None:
        self._counts: dict[str, tuple[float, int]] = {}

    def count(self, address: str) -> int:
        """How many failures a line would stand for; 0 if none is to be written now."""
        now = time.monotonic()
        since, count = self._counts.get(address, (now, 0))
        if now - since > WINDOW_S:
            since, count = now, 0
        count += 1
        if len(self._counts) >= MOST_ADDRESSES:
            self._counts.clear()
        self._counts[address] = (since, count)
        if count <= SINGLY:
            return 1
        return 100 if count % 100 == 0 else 0
