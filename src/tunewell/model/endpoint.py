"""Any OpenAI-compatible server (OpenAI, vLLM, llama.cpp, Ollama …): many requests in flight, within a budget.

Nothing is sent but to the address that the user named. The key comes from the environment and
appears in no message.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import time
from typing import Any, Final, TypeVar

from tunewell.errors import MissingExtraError, ModelError
from tunewell.model.base import GenerateOptions, Generation, Progress, TargetScore
from tunewell.model.budget import BudgetError, Pace, Purse, RequestBudget, Spent
from tunewell.model.chat import chat_format, load_tokenizer, valid_text
from tunewell.types import Message

R = TypeVar("R", Generation, TargetScore)
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 60.0
LONGEST_ASKED_WAIT_S: Final = 600.0  # a server that wants a longer pause is treated as a failure
TURN_TOKENS: Final = 16  # what a template may add to a turn; part of the bound that is reserved
TIMED_OUT: Final = "no answer in time"
STOPS_SENT: Final = 4  # OpenAI takes no more; all of them are applied here as well


class EndpointModel:
    """A model behind an OpenAI-compatible server.

    Args:
        model: As the server calls it.
        base_url: Such as ``http://localhost:8000/v1``.
        key_variable: Environment variable that holds the key. Local servers need none.
        in_flight: Most requests at a time.
        timeout_s: Longest wait for one answer, in seconds.
        retries: How often a request is sent again after an overload, a timeout or a fault of the
            server.
        requests_per_minute: Rate limit; None = none.
        budget: What may be spent; see `RequestBudget`.
        tokenizer: Folder with the tokenizer of the served model: needed by `score`, which sends
            token ids to ``/completions`` with ``echo`` (vLLM has it).
        http_client: A client of httpx2 to use instead of one with a socket (tests).
        pace: Waiting, for tests.

    Raises:
        MissingExtraError: The extra ``endpoint`` is not installed.
        ModelError: The server wants a key and the environment has none.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str,
        key_variable: str = "OPENAI_API_KEY",
        in_flight: int = 16,
        timeout_s: float = 120.0,
        retries: int = 6,
        requests_per_minute: float | None = None,
        budget: RequestBudget | None = None,
        tokenizer: Path | None = None,
        http_client: Any = None,
        pace: Pace | None = None,
    ) -> None:
        try:
            import openai
        except ImportError as error:
            raise MissingExtraError(
                "endpoint", needed_for=f"Asking '{model}' at {base_url}"
            ) from error
        key = os.environ.get(key_variable, "")
        if not key and "api.openai.com" in base_url:
            raise ModelError(
                f"{base_url} wants a key.",
                hint=f"export {key_variable}=…   (it is read from there only)",
            )
        self.name = model
        self._url = base_url
        self._key = key
        self._key_variable = key_variable
        self._in_flight = max(1, in_flight)
        self._retries = retries
        self._tokenizer = tokenizer
        self._purse = Purse(budget or RequestBudget())
        self._pace = pace or Pace(requests_per_minute)
        self._answered = threading.Event()
        self._client = openai.OpenAI(
            api_key=key or "none",
            base_url=base_url,
            timeout=timeout_s,
            max_retries=0,
            http_client=http_client,
        )

    def __repr__(self) -> str:
        return f"EndpointModel({self.name!r}, base_url={self._url!r})"

    @property
    def spent(self) -> Spent:
        """Requests, tokens and money so far."""
        return self._purse.spent

    def generate(
        self,
        prompts: Sequence[tuple[Message, ...]],
        *,
        options: GenerateOptions | None = None,
        progress: Progress | None = None,
    ) -> list[Generation]:
        """One answer per prompt; see `tunewell.model.base.Model.generate`.

        Tokens are as the server counts them; where it does not, UTF-8 bytes / 4. The seed goes to
        the server, which may or may not honour it.

        Raises:
            BudgetError: The budget was used up; its ``results`` hold what was answered.
            ModelError: No such model, a refused key, no server.
        """
        chosen = options or GenerateOptions()

        def one(i: int) -> Generation:
            return self._generate(prompts[i], chosen)

        return self._all(one, len(prompts), _no_answer, progress)

    def score(
        self,
        prompts: Sequence[tuple[Message, ...]],
        targets: Sequence[str],
        *,
        progress: Progress | None = None,
    ) -> list[TargetScore]:
        """How probable each target is, where the server echoes log-probabilities of the prompt.

        Else the reason.

        Raises:
            BudgetError: As for `generate`.
            ModelError: No such model, a refused key, no server; or not as many targets as prompts.
        """
        if len(prompts) != len(targets):
            raise ModelError(
                f"{len(prompts)} prompts and {len(targets)} targets: there must be as many."
            )
        if self._tokenizer is None:
            reason = "scoring at an endpoint needs the folder of the served model's tokenizer"
            return [TargetScore(nats=0, tokens=0, reason=reason)] * len(prompts)
        chat = chat_format(load_tokenizer(self._tokenizer))
        encoded = [chat.encode(p, t) for p, t in zip(prompts, targets, strict=True)]

        def one(i: int) -> TargetScore:
            return self._score(encoded[i].ids, encoded[i].target_start)

        return self._all(one, len(prompts), _no_score, progress)

    def _generate(self, prompt: tuple[Message, ...], options: GenerateOptions) -> Generation:
        messages = [{"role": m.role, "content": valid_text(m.content)} for m in prompt]
        size = sum(len(m["content"].encode()) + TURN_TOKENS for m in messages) + TURN_TOKENS
        limit = "max_completion_tokens" if "api.openai.com" in self._url else "max_tokens"
        request: dict[str, Any] = {
            "model": self.name,
            "messages": messages,
            limit: options.max_new_tokens,
        }
        request |= {"temperature": options.temperature, "seed": options.seed}
        request |= {"top_p": options.top_p} if options.temperature > 0 else {}
        request |= {"stop": list(options.stop[:STOPS_SENT])} if options.stop else {}
        reply = self._send(
            lambda: self._client.chat.completions.create(**request), (size, options.max_new_tokens)
        )
        if isinstance(reply, str):
            return _no_answer(reply)
        choice = reply.choices[0] if reply.choices else None
        if choice is None or choice.message is None:
            return _no_answer("the server's reply holds no answer")
        if choice.finish_reason == "content_filter" or choice.message.refusal:
            return _no_answer(
                f"refused by the server: {choice.message.refusal or 'content filter'}"
            )
        text = choice.message.content or ""
        at = min((text.index(s) for s in options.stop if s in text), default=None)
        used = _usage(reply, sum(len(m["content"].encode()) for m in messages), text)
        return Generation(
            text=text[:at],
            prompt_tokens=used[0],
            tokens=min(used[1], options.max_new_tokens),
            finish="length" if choice.finish_reason == "length" and at is None else "stop",
        )

    def _score(self, ids: tuple[int, ...], start: int) -> TargetScore:
        request = {
            "model": self.name,
            "prompt": list(ids),
            "echo": True,
            "logprobs": 1,
            "max_tokens": 1,
        }
        reply = self._send(
            lambda: self._client.completions.create(**request, temperature=0),
            (len(ids) + TURN_TOKENS, 1),
        )
        if isinstance(reply, str):
            return _no_score(reply)
        found = reply.choices[0].logprobs if reply.choices else None
        logprobs = list(found.token_logprobs or ())[: len(ids)] if found else []
        if len(logprobs) < len(ids) or any(p is None for p in logprobs[start:]):
            return _no_score("the server gives no log-probabilities of the prompt (echo)")
        return TargetScore(nats=max(0.0, -sum(logprobs[start:])), tokens=len(ids) - start)

    def _all(
        self,
        one: Callable[[int], R],
        count: int,
        failed: Callable[[str], R],
        progress: Progress | None,
    ) -> list[R]:
        """Runs all items with many in flight; what concerns the whole call stops it."""
        results: list[R] = [failed("not asked")] * count
        fatal: ModelError | None = None
        pool = ThreadPoolExecutor(max_workers=self._in_flight)
        try:
            futures = {pool.submit(one, i): i for i in range(count)}
            for done, future in enumerate(as_completed(futures), 1):
                if future.cancelled():
                    continue
                try:
                    results[futures[future]] = future.result()
                except ModelError as error:
                    fatal = fatal or error
                    for other in futures:
                        other.cancel()
                if progress and fatal is None:
                    progress(done, count)
        finally:  # an interrupt does not wait for the requests in flight
            pool.shutdown(wait=False, cancel_futures=True)
        if isinstance(fatal, BudgetError):
            raise BudgetError(fatal.message, hint=fatal.hint, results=[*results]) from fatal
        if fatal is not None:
            raise fatal
        return results

    def _send(self, call: Callable[[], Any], most: tuple[int, int]) -> Any:
        """The server's reply, or the reason why there is none for this item."""
        reason = ""
        for attempt in range(self._retries + 1):
            self._pace.wait()
            self._purse.reserve(*most)
            used = (0, 0)
            try:
                reply, reason, wait_s = self._try(call, attempt)
                if reply is not None:
                    self._answered.set()
                    used = _usage(reply, most[0], "x" * 4 * most[1])
                    return reply
                used = most if reason == TIMED_OUT else used  # it may be charged all the same
            finally:
                self._purse.settle(most, *used)
            if wait_s is None or attempt == self._retries:
                break
            self._pace.rest(wait_s)
        return self._safe(reason)

    def _try(self, call: Callable[[], Any], attempt: int) -> tuple[Any, str, float | None]:
        """(reply, "", None), or (None, reason, seconds to wait before the next try or None for no next try)."""
        import openai

        backoff_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt) * _jitter(attempt)
        try:
            return call(), "", None
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            hint = f"check the environment variable {self._key_variable}"
            raise ModelError(
                f"{self._url} refuses the key: {self._safe(str(error))}", hint=hint
            ) from None
        except openai.NotFoundError as error:
            if attempt or self._answered.is_set():
                return None, f"not found: {error}", None
            raise ModelError(
                f"{self._url} knows no model '{self.name}' or no such call: {self._safe(str(error))}",
                hint=f"curl {self._url.rstrip('/')}/models",
            ) from None
        except openai.RateLimitError as error:
            if error.code == "insufficient_quota":
                raise ModelError(
                    f"{self._url}: the account's quota is used up.", hint="see the provider"
                ) from None
            return None, f"too many requests: {error}", self._asked_wait(error, backoff_s)
        except openai.APITimeoutError:
            return None, TIMED_OUT, backoff_s
        except openai.APIConnectionError as error:
            if attempt == self._retries and not self._answered.is_set():
                raise ModelError(
                    f"There is no server at {self._url}: {error.__cause__ or error}"
                ) from None
            return None, f"connection failed: {error.__cause__ or error}", backoff_s
        except openai.InternalServerError as error:
            return None, f"fault of the server: {error}", self._asked_wait(error, backoff_s)
        except openai.OpenAIError as error:  # a refused request: sending it again changes nothing
            return None, str(error), None
        except ValueError as error:  # a reply that is no JSON
            return None, f"a reply that cannot be read: {error}", backoff_s

    def _asked_wait(self, error: Any, backoff_s: float) -> float | None:
        asked_s = retry_after_s(error.response.headers)
        if asked_s is None:
            return backoff_s
        if asked_s > LONGEST_ASKED_WAIT_S:
            return None
        self._pace.pause(asked_s)
        return 0.0

    def _safe(self, text: str) -> str:
        return text.replace(self._key, "…") if self._key else text


def retry_after_s(headers: Any) -> float | None:
    """Seconds that a server asks to wait (``retry-after-ms``, ``retry-after`` in seconds or as a date), or None.

    Example:
        >>> retry_after_s({"retry-after": "2"}), retry_after_s({"retry-after-ms": "1500"}), retry_after_s({})
        (2.0, 1.5, None)
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
        return max(0.0, parsedate_to_datetime(said).timestamp() - time())
    except (ValueError, TypeError):
        return None


def _jitter(attempt: int) -> float:
    """0.75 to 1.25, different for each thread, so that refused requests do not all come back at once."""
    return 0.75 + 0.5 * (zlib.crc32(f"{threading.get_ident()} {attempt}".encode()) / 2**32)


def _usage(reply: Any, prompt_bytes: int, text: str) -> tuple[int, int]:
    usage = getattr(reply, "usage", None)
    if usage is not None and usage.prompt_tokens:
        return int(usage.prompt_tokens), int(usage.completion_tokens or 0)
    return max(1, prompt_bytes // 4), len(text.encode()) // 4


def _no_answer(reason: str) -> Generation:
    return Generation(
        text="", prompt_tokens=0, tokens=0, finish="error", reason=reason or "no reason given"
    )


def _no_score(reason: str) -> TargetScore:
    return TargetScore(nats=0, tokens=0, reason=reason or "no reason given")
