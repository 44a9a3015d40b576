"""What may be spent at an endpoint, and how fast: tokens, money, requests a minute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import Field

from tunewell.errors import ModelError
from tunewell.types import Value


class RequestBudget(Value):
    """Limits of one `EndpointModel`; a request that could pass one is not sent.

    Attributes:
        tokens: Most tokens, prompts and answers together; None = no limit.
        cost: Most money, in the currency of the prices; None = no limit.
        prompt_price: Price of a million prompt tokens.
        answer_price: Price of a million generated tokens.
    """

    tokens: int | None = Field(default=None, ge=0)
    cost: float | None = Field(default=None, ge=0)
    prompt_price: float = Field(default=0.0, ge=0)
    answer_price: float = Field(default=0.0, ge=0)

    def price(self, prompt_tokens: int, tokens: int) -> float:
        """What so many tokens cost.

        Example:
            >>> RequestBudget(prompt_price=0.5, answer_price=2.0).price(1_000_000, 500_000)
            1.5
        """
        return (prompt_tokens * self.prompt_price + tokens * self.answer_price) / 1e6


class Spent(Value):
    """What an endpoint has cost so far."""

    requests: int = 0
    prompt_tokens: int = 0
    tokens: int = 0
    cost: float = 0.0


class BudgetError(ModelError):
    """The budget does not hold another request.

    Attributes:
        results: What was answered before, in the order of the call; the rest are errors that name
            the budget.
    """

    def __init__(self, message: str, *, hint: str = "", results: Sequence[Any] = ()) -> None:
        super().__init__(message, hint=hint)
        self.results = tuple(results)


class Purse:
    """Reserves the most that a request can cost, and settles what it did cost. Shared by threads.

    Args:
        budget: The limits.
    """

    def __init__(self, budget: RequestBudget) -> None:
        self._budget = budget
        self._changed = threading.Condition()
        self._open: list[tuple[int, int]] = []
        self._spent = Spent()

    @property
    def spent(self) -> Spent:
        """What has been settled so far."""
        return self._spent

    def reserve(self, prompt_tokens: int, tokens: int) -> None:
        """Sets aside the most that a request can use.

        Waits while requests in flight may yet give something back.

        Raises:
            BudgetError: It does not fit, whatever those in flight turn out to cost.
        """
        with self._changed:
            while not self._fits([*self._open, (prompt_tokens, tokens)]):
                if not self._open:
                    raise BudgetError(
                        self._message(),
                        hint="raise the budget, or ask for fewer or shorter answers",
                    )
                self._changed.wait(timeout=1.0)
            self._open.append((prompt_tokens, tokens))

    def settle(self, reserved: tuple[int, int], prompt_tokens: int, tokens: int) -> None:
        """Replaces a reservation by what was used (0, 0 for a request that failed)."""
        with self._changed:
            self._open.remove(reserved)
            s = self._spent
            self._spent = Spent(
                requests=s.requests + 1,
                prompt_tokens=s.prompt_tokens + prompt_tokens,
                tokens=s.tokens + tokens,
                cost=s.cost + self._budget.price(prompt_tokens, tokens),
            )
            self._changed.notify_all()

    def _fits(self, pending: Sequence[tuple[int, int]]) -> bool:
        prompt = self._spent.prompt_tokens + sum(p for p, _ in pending)
        answer = self._spent.tokens + sum(a for _, a in pending)
        b = self._budget
        within_tokens = b.tokens is None or prompt + answer <= b.tokens
        return within_tokens and (b.cost is None or b.price(prompt, answer) <= b.cost)

    def _message(self) -> str:
        s, b = self._spent, self._budget
        limits = [f"{b.tokens} tokens"] if b.tokens is not None else []
        limits += [f"a cost of {b.cost:g}"] if b.cost is not None else []
        used = f"{s.prompt_tokens + s.tokens} tokens and {s.cost:.4g} are spent in {s.requests} requests"
        return f"The next request could pass the budget of {' and '.join(limits)}: {used}. It was not sent."


class Pace:
    """Keeps requests apart: a rate of the user's, and pauses that the server asks for.

    Shared by threads.

    Args:
        requests_per_minute: None = as fast as they go.
        sleep: Waits so many seconds.
        clock: Seconds, rising.
    """

    def __init__(
        self,
        requests_per_minute: float | None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gap_s = 60.0 / requests_per_minute if requests_per_minute else 0.0
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._next_at = 0.0

    def wait(self) -> None:
        """Waits for this request's turn."""
        with self._lock:
            now = self._clock()
            at = max(now, self._next_at)
            self._next_at = at + self._gap_s
        if at > now:
            self._sleep(at - now)

    def pause(self, seconds: float) -> None:
        """Lets no request begin for so long: the server said so to one of them and means all."""
        with self._lock:
            self._next_at = max(self._next_at, self._clock() + seconds)

    def rest(self, seconds: float) -> None:
        """Waits so long, this request alone."""
        self._sleep(seconds)
