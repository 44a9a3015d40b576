"""What may be spent at an endpoint, and how fast: tokens, money, requests a minute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pydantic import Field

from tunewell.errors import ModelError
from tunewell.model.base import Generation, TargetScore
from tunewell.types import Value

NOT_ASKED: Final = "not asked"
"""How the reason of an item begins that the call did not come to: another run can ask for it."""


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
        prompts = prompt_tokens * self.prompt_price
        answers = tokens * self.answer_price
        return (prompts + answers) / 1e6

    def holds(self, prompt_tokens: int, tokens: int) -> bool:
        """Whether so many tokens are within its limits.

        Example:
            >>> RequestBudget(tokens=100).holds(60, 40), RequestBudget(tokens=100).holds(60, 41)
            (True, False)
        """
        if self.tokens is not None and prompt_tokens + tokens > self.tokens:
            return False
        return self.cost is None or self.price(prompt_tokens, tokens) <= self.cost

    def __str__(self) -> str:
        limits = []
        if self.tokens is not None:
            limits.append(f"{self.tokens} tokens")
        if self.cost is not None:
            limits.append(f"a cost of {self.cost:g}")
        return " and ".join(limits) or "no limit"


class RequestPolicy(Value):
    """How requests are sent.

    Attributes:
        in_flight: Most requests at a time; fewer while the server says that there are too many
            (see `tunewell.model.throttle`).
        timeout_s: Longest wait for one answer, in seconds.
        retries: How often a request is sent again after an overload, a timeout or a fault of the
            server.
        requests_per_minute: Rate limit; None = none.
        answer_schema: A JSON schema that answers are asked to follow. Many servers ignore it, and
            from those that refuse it nothing of the kind is asked again: whoever needs it has to
            check.
    """

    in_flight: int = Field(default=16, ge=1)
    timeout_s: float = Field(default=120.0, gt=0)
    retries: int = Field(default=6, ge=0)
    requests_per_minute: float | None = Field(default=None, gt=0)
    answer_schema: Mapping[str, Any] | None = None


class Spent(Value):
    """What an endpoint has cost so far."""

    requests: int = 0
    prompt_tokens: int = 0
    tokens: int = 0
    cost: float = 0.0


class UnfinishedError(ModelError):
    """A call that ended before its last item, though it was in order: money or server ran out.

    Attributes:
        results: What was answered before, in the order of the call; the rest are errors whose
            reason begins with `NOT_ASKED`.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        results: Sequence[Generation | TargetScore] = (),
    ) -> None:
        super().__init__(message, hint=hint)
        self.results = tuple(results)


class BudgetError(UnfinishedError):
    """The budget does not hold another request."""


class QuotaError(UnfinishedError):
    """The account at the server has nothing left."""


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
            before = self._spent
            self._spent = Spent(
                requests=before.requests + 1,
                prompt_tokens=before.prompt_tokens + prompt_tokens,
                tokens=before.tokens + tokens,
                cost=before.cost + self._budget.price(prompt_tokens, tokens),
            )
            self._changed.notify_all()

    def _fits(self, pending: Sequence[tuple[int, int]]) -> bool:
        """Whether the budget holds what is spent and all of these, each (prompt, answer)."""
        prompt_tokens = self._spent.prompt_tokens
        tokens = self._spent.tokens
        for more_prompt, more in pending:
            prompt_tokens += more_prompt
            tokens += more
        return self._budget.holds(prompt_tokens, tokens)

    def _message(self) -> str:
        spent = self._spent
        total = spent.prompt_tokens + spent.tokens
        return (
            f"The next request could pass the budget of {self._budget}: {total} tokens and "
            f"{spent.cost:.4g} are spent in {spent.requests} requests. It was not sent."
        )


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
