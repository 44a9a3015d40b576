"""One request to a server until there is an answer, or a reason why there will be none."""

from __future__ import annotations

import math
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from tunewell.errors import ModelError
from tunewell.model.budget import Pace, Purse, QuotaError
from tunewell.model.throttle import Throttle

if TYPE_CHECKING:
    from openai import OpenAIError

Reply = TypeVar("Reply")

FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 60.0
UNREADABLE: Final = "an unreadable reply"
LONGEST_ASKED_WAIT_S: Final = 600.0  # a server that wants a longer pause is treated as a failure


@dataclass(frozen=True)
class ModelServer:
    """Who is asked.

    Attributes:
        url: Such as ``http://localhost:8000/v1``.
        model: The model, as the server calls it.
        key: What opens it; empty where it needs none.
        key_variable: Environment variable that holds the key.
    """

    url: str
    model: str
    key: str
    key_variable: str

    def __repr__(self) -> str:
        return f"ModelServer({self.url!r}, {self.model!r})"

    def safe(self, text: object) -> str:
        """The text without the key."""
        return str(text).replace(self.key, "…") if self.key else str(text)


@dataclass(frozen=True)
class NoReply:
    """Why a request brought nothing.

    Attributes:
        reason: In words, without the key.
        wait_s: Seconds to wait before the next try; None = another try would change nothing.
        may_be_charged: Whether the server may have done the work all the same.
        too_many: Whether the server said that there are too many requests.
    """

    reason: str
    wait_s: float | None = None
    may_be_charged: bool = False
    too_many: bool = False


class TokensUsed(NamedTuple):
    """Tokens of a prompt and of its answer."""

    prompt: int
    answer: int


class Sender:
    """Sends requests to one server, again where it makes sense, within budget and pace.

    Args:
        server: Who is asked.
        purse: What may be spent.
        pace: How fast.
        retries: How often a request is sent again.
        throttle: How many at once.
    """

    def __init__(
        self,
        server: ModelServer,
        purse: Purse,
        pace: Pace,
        *,
        retries: int,
        throttle: Throttle,
    ) -> None:
        self._server = server
        self._purse = purse
        self._pace = pace
        self._retries = retries
        self._throttle = throttle
        self._answered = threading.Event()

    def send(self, call: Callable[[], Reply], most: TokensUsed) -> Reply | NoReply:
        """The server's reply, or the reason why there is none for this item.

        Args:
            call: Asks the server once.
            most: Tokens that it can use at most.

        Raises:
            BudgetError: The budget does not hold it.
            QuotaError: The account has nothing left.
            ModelError: What concerns all items: no such model, a refused key, no server.
        """
        for attempt in range(self._retries):
            reply = self._paid(call, most, attempt)
            if not isinstance(reply, NoReply) or reply.wait_s is None:
                return reply
            self._pace.rest(reply.wait_s)
        return self._paid(call, most, self._retries)

    def _paid(self, call: Callable[[], Reply], most: TokensUsed, attempt: int) -> Reply | NoReply:
        """One try: its tokens are reserved before and settled behind it."""
        self._pace.wait()
        self._purse.reserve(*most)
        used = TokensUsed(0, 0)
        try:
            with self._throttle.turn() as turn:
                reply = self._try(call, attempt)
                if not isinstance(reply, NoReply):
                    turn.answered()
                elif reply.too_many:
                    turn.refused()
            used = _charged(reply, most)
        finally:
            self._purse.settle(most, *used)
        return reply

    def _try(self, call: Callable[[], Reply], attempt: int) -> Reply | NoReply:
        import openai

        try:
            reply = call()
        except openai.OpenAIError as error:
            fatal = self._error_of_all(error, attempt)
            if fatal is not None:
                raise fatal from None
            return self._no_reply(error, attempt)
        except ValueError as error:
            reason = self._server.safe(f"{UNREADABLE}: {error}")
            return NoReply(reason, _backoff_s(attempt))
        self._answered.set()
        return reply

    def _error_of_all(self, error: OpenAIError, attempt: int) -> ModelError | None:
        """The error of the whole call, where it is useless to ask for the other items."""
        import openai

        url = self._server.url
        said = self._server.safe(error)
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            return ModelError(
                f"{url} refuses the key: {said}",
                hint=f"check the environment variable {self._server.key_variable}",
            )
        if isinstance(error, openai.RateLimitError) and error.code == "insufficient_quota":
            return QuotaError(
                f"{url}: the account's quota is used up.",
                hint="raise it with the provider, then run the same command again",
            )

        if isinstance(error, openai.APIStatusError) and error.response.is_redirect:
            target = self._server.safe(error.response.headers.get("location", "another address"))
            return ModelError(
                f"{url} sends requests on to {target}: nothing was sent there",
                hint="if that is your server, name its address",
            )

        # A server that has answered before is there and knows the model.
        if self._answered.is_set():
            return None
        if isinstance(error, openai.NotFoundError) and attempt == 0:
            return ModelError(
                f"{url} has no model '{self._server.model}' or no such call: {said}",
                hint=f"curl {url.rstrip('/')}/models",
            )
        if _is_lost(error) and attempt == self._retries:
            return ModelError(f"There is no server at {url}: {error.__cause__ or error}")
        return None

    def _no_reply(self, error: OpenAIError, attempt: int) -> NoReply:
        """What an error means for the one item that was asked for."""
        import openai

        backoff_s = _backoff_s(attempt)
        if isinstance(error, openai.APITimeoutError):
            return NoReply("no answer in time", backoff_s, may_be_charged=True)
        if _is_lost(error):
            cause = error.__cause__ or error
            return NoReply(self._server.safe(f"connection failed: {cause}"), backoff_s)

        said = self._server.safe(error)
        if isinstance(error, openai.RateLimitError):
            wait_s = self._asked_wait(error.response.headers, backoff_s)
            return NoReply(f"too many requests: {said}", wait_s, too_many=True)
        if isinstance(error, openai.InternalServerError):
            wait_s = self._asked_wait(error.response.headers, backoff_s)
            return NoReply(f"server error: {said}", wait_s)

        # A refused request: sending it again changes nothing.
        not_found = isinstance(error, openai.NotFoundError)
        return NoReply(f"not found: {said}" if not_found else said)

    def _asked_wait(self, headers: Mapping[str, str], backoff_s: float) -> float | None:
        """Seconds for this request to wait; a pause that the server asks for is one for all."""
        asked_s = retry_after_s(headers)
        if asked_s is None:
            return backoff_s
        if asked_s > LONGEST_ASKED_WAIT_S:
            return None
        self._pace.pause(asked_s)
        return 0.0


def _is_lost(error: OpenAIError) -> bool:
    """Whether there was no connection at all (a timeout is one that was too slow)."""
    import openai

    if isinstance(error, openai.APITimeoutError):
        return False
    return isinstance(error, openai.APIConnectionError)


def tokens_used(reply: Any, *, otherwise: TokensUsed) -> TokensUsed:
    """Tokens as the server counts them; ``otherwise`` where it does not, or counts nonsense.

    Example:
        >>> from types import SimpleNamespace
        >>> usage = SimpleNamespace(prompt_tokens="9", completion_tokens=-4)
        >>> tokens_used(SimpleNamespace(usage=usage), otherwise=TokensUsed(12, 3))
        TokensUsed(prompt=9, answer=3)
    """
    usage = getattr(reply, "usage", None)
    prompt = _count_of(getattr(usage, "prompt_tokens", None))
    answer = _count_of(getattr(usage, "completion_tokens", None))
    if not prompt:
        return otherwise
    return TokensUsed(prompt, answer or otherwise.answer)


def _count_of(said: object) -> int | None:
    """A number of tokens as a server says it; None if that is none."""
    try:
        count = float(said)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return int(count) if 0 <= count < math.inf else None


def _charged(reply: object, most: TokensUsed) -> TokensUsed:
    """What a try has to be taken to have cost."""
    if not isinstance(reply, NoReply):
        estimate = TokensUsed(max(1, most.prompt // 4), most.answer)
        return tokens_used(reply, otherwise=estimate)
    return most if reply.may_be_charged else TokensUsed(0, 0)


# --- waiting --------------------------------------------------------------------------------------


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to wait, or None.

    ``retry-after-ms``, or ``retry-after`` in seconds or as a date.

    Example:
        >>> retry_after_s({"retry-after": "2"}), retry_after_s({"retry-after-ms": "1500"})
        (2.0, 1.5)
        >>> retry_after_s({}) is None
        True
    """
    try:
        return max(0.0, float(headers["retry-after-ms"]) / 1000)
    except (KeyError, ValueError):
        pass
    said = headers.get("retry-after")
    if said is None:
        return None
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(said)
        return max(0.0, date.timestamp() - time())
    except (ValueError, TypeError):
        return None


def _backoff_s(attempt: int) -> float:
    """Twice as long after each try."""
    wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt)
    return wait_s * _jitter(attempt)


def _jitter(attempt: int) -> float:
    """0.75 to 1.25, another for each thread, so that refused requests do not come back at once."""
    seed = f"{threading.get_ident()} {attempt}"
    share = zlib.crc32(seed.encode()) / 2**32
    return 0.75 + 0.5 * share
