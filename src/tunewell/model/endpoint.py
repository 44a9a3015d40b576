"""Any OpenAI-compatible server (OpenAI, vLLM, llama.cpp, Ollama …).

Many requests are in flight, within a budget. Nothing is sent but to the address that the user
named. The key comes from the environment and appears in no message.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tunewell.errors import MissingExtraError, ModelError
from tunewell.model.base import (
    GenerateOptions,
    Generation,
    Progress,
    ProgressCount,
    TargetScore,
    check_as_many,
    cut_at_stops,
    not_answered,
    not_heard,
    not_scored,
)
from tunewell.model.budget import (
    NOT_ASKED,
    Pace,
    Purse,
    RequestBudget,
    RequestPolicy,
    Spent,
    UnfinishedError,
)
from tunewell.model.chat import Encoded, chat_format, load_tokenizer, valid_text
from tunewell.model.deadline import deadline, time_connections
from tunewell.model.sending import (
    UNREADABLE,
    ModelServer,
    NoReply,
    Sender,
    TokensUsed,
    tokens_used,
)
from tunewell.model.throttle import Throttle
from tunewell.model.tools import tool_functions, tools_for
from tunewell.types import Message, ToolCall
from tunewell.types.written_calls import parsed_call

if TYPE_CHECKING:
    import httpx2
    from openai.types import Completion
    from openai.types.chat import ChatCompletion, ChatCompletionMessage

R = TypeVar("R", Generation, TargetScore)
OPENAI: Final = "api.openai.com"
TURN_TOKENS: Final = 16  # what a template may add to a turn; part of the bound that is reserved
STOPS_SENT: Final = 4  # OpenAI takes no more; all of them are applied here as well


class EndpointModel:
    """A model behind an OpenAI-compatible server.

    Args:
        model: As the server calls it.
        base_url: Such as ``http://localhost:8000/v1``.
        key_variable: Environment variable that holds the key. Local servers need none.
        policy: How requests are sent; see `RequestPolicy`.
        budget: What may be spent; see `RequestBudget`.
        tokenizer: Folder with the tokenizer of the served model: needed by `score`, which sends
            token ids to ``/completions`` with ``echo`` (vLLM has it).
        http_client: A client to use instead of one with a socket (tests).
        pace: Waiting, for tests; by default as ``policy`` says.

    Raises:
        MissingExtraError: The extra ``endpoint`` is not installed.
        ModelError: The server requires a key and the environment has none.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str,
        key_variable: str = "OPENAI_API_KEY",
        policy: RequestPolicy | None = None,
        budget: RequestBudget | None = None,
        tokenizer: Path | None = None,
        http_client: httpx2.Client | None = None,
        pace: Pace | None = None,
    ) -> None:
        try:
            import openai
        except ImportError as error:
            raise MissingExtraError(
                "endpoint", needed_for=f"Asking '{model}' at {base_url}"
            ) from error
        key = os.environ.get(key_variable, "")
        if not key and OPENAI in base_url:
            raise ModelError(
                f"{base_url} requires a key.",
                hint=f"export {key_variable}=…   (it is read from there only)",
            )

        policy = policy or RequestPolicy()
        self.name = model
        self._url = base_url
        self._in_flight = policy.in_flight
        self._timeout_s = policy.timeout_s
        self._tokenizer = tokenizer
        self._schema = policy.answer_schema
        self.throttle = Throttle(policy.in_flight)
        self._purse = Purse(budget or RequestBudget())
        self._sender = Sender(
            ModelServer(base_url, model, key, key_variable),
            self._purse,
            pace or Pace(policy.requests_per_minute),
            retries=policy.retries,
            throttle=self.throttle,
        )
        # Texts go to the address that the user named, and nowhere that it points to.
        client = http_client or openai.DefaultHttpxClient(follow_redirects=False)
        time_connections(client)
        self._client = openai.OpenAI(
            api_key=key or "none",
            base_url=base_url,
            timeout=policy.timeout_s,
            max_retries=0,
            http_client=client,
        )
        if http_client is None:
            # Its connections end with the model, whoever forgets to close it.
            weakref.finalize(self, self._client.close)

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
        tools: Sequence[str] = (),
    ) -> list[Generation]:
        """One answer per prompt; see `tunewell.model.base.Model.generate`.

        Tokens are as the server counts them; where it does not, UTF-8 bytes / 4. The seed goes to
        the server, which may or may not honour it.

        Raises:
            UnfinishedError: Budget or quota were used up, or the server refused the rest; its
                ``results`` hold what was answered.
            ModelError: No such model, a refused key, no server.
        """
        chosen = options or GenerateOptions()

        known = tools_for(tools, len(prompts))

        def one(i: int) -> Generation:
            why = not_heard(prompts[i])
            return not_answered(why) if why else self._generate(prompts[i], chosen, known[i])

        return self._all(one, len(prompts), not_answered, progress)

    def score(
        self,
        prompts: Sequence[tuple[Message, ...]],
        targets: Sequence[str],
        *,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[TargetScore]:
        """How probable each target is, where the server echoes log-probabilities of the prompt.

        Else the reason.

        Raises:
            UnfinishedError: As for `generate`.
            ModelError: No such model, a refused key, no server; or not as many targets as prompts.
        """
        check_as_many(prompts, targets)
        if self._tokenizer is None:
            reason = "scoring at an endpoint needs the folder of the served model's tokenizer"
            return [not_scored(reason)] * len(prompts)
        chat = chat_format(load_tokenizer(self._tokenizer))
        encoded = [
            chat.encode_answer(prompt, target, tools=known)
            for prompt, target, known in zip(
                prompts, targets, tools_for(tools, len(prompts)), strict=True
            )
        ]

        def one(i: int) -> TargetScore:
            why = not_heard(prompts[i])
            return not_scored(why) if why else self._score(encoded[i])

        return self._all(one, len(prompts), not_scored, progress)

    def _generate(
        self, prompt: tuple[Message, ...], options: GenerateOptions, tools: str
    ) -> Generation:
        texts = [valid_text(tools), *(valid_text(message.text) for message in prompt)]
        prompt_bytes = sum(len(text.encode()) for text in texts)
        request = self._chat_request(prompt, options, valid_text(tools))

        # A token is at least a byte, so the bytes and what the template adds are an upper bound.
        most = TokensUsed(
            prompt_bytes + TURN_TOKENS * (len(prompt) + 1),
            options.max_new_tokens,
        )

        def ask() -> ChatCompletion:
            with deadline(self._timeout_s):
                answer: ChatCompletion = self._client.chat.completions.create(**request)
            return answer

        reply = self._sender.send(ask, most)
        if isinstance(reply, NoReply) and _is_about_schema(reply) and "response_format" in request:
            self._schema = None
            del request["response_format"]
            reply = self._sender.send(ask, most)
        if isinstance(reply, NoReply):
            return not_answered(valid_text(reply.reason))
        try:
            return _generation(reply, options, prompt_bytes)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            # The client hands on whatever JSON a server sends, in whatever form.
            return not_answered(f"{UNREADABLE}: {error}")

    def _chat_request(
        self, prompt: Sequence[Message], options: GenerateOptions, tools: str
    ) -> dict[str, Any]:
        messages = _sent_turns(prompt)
        limit = "max_completion_tokens" if OPENAI in self._url else "max_tokens"
        request: dict[str, Any] = {
            "model": self.name,
            "messages": messages,
            limit: options.max_new_tokens,
            "temperature": options.temperature,
            "seed": options.seed,
        }
        if options.temperature > 0:
            request["top_p"] = options.top_p
        if options.stop:
            request["stop"] = list(options.stop[:STOPS_SENT])
        if tools:
            request["tools"] = tool_functions(tools)
        if self._schema is not None:
            request["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "row", "schema": self._schema},
            }
        return request

    def _score(self, encoded: Encoded) -> TargetScore:
        request = {
            "model": self.name,
            "prompt": list(encoded.ids),
            "echo": True,
            "logprobs": 1,
            "max_tokens": 1,
            "temperature": 0,
        }
        most = TokensUsed(len(encoded.ids) + TURN_TOKENS, 1)

        def ask() -> Completion:
            with deadline(self._timeout_s):
                answer: Completion = self._client.completions.create(**request)
            return answer

        reply = self._sender.send(ask, most)
        if isinstance(reply, NoReply):
            return not_scored(reply.reason)

        target = _echoed(reply, len(encoded.ids))[encoded.target_start :]
        tokens = len(encoded.ids) - encoded.target_start
        if len(target) < tokens or None in target:
            return not_scored("the server gives no log-probabilities of the prompt (echo)")
        return TargetScore(nats=max(0.0, -sum(target)), tokens=tokens)

    def _all(
        self,
        one: Callable[[int], R],
        count: int,
        failed: Callable[[str], R],
        progress: Progress | None,
    ) -> list[R]:
        """Runs all items with many in flight; what concerns the whole call stops it."""
        results: list[R] = [failed(NOT_ASKED)] * count
        done = ProgressCount(progress, count)
        fatal: ModelError | None = None
        if count == 1:
            # Whoever asks one by one has threads of its own.
            try:
                results[0] = one(0)
            except ModelError as error:
                fatal = error
            else:
                done.add()
        else:
            fatal = self._many(one, results, done)

        if fatal is None:
            return results
        answered = any(result.reason != NOT_ASKED for result in results)
        if not answered and not isinstance(fatal, UnfinishedError):
            raise fatal
        kind = type(fatal) if isinstance(fatal, UnfinishedError) else UnfinishedError
        left = failed(f"{NOT_ASKED}: {fatal.message}")
        kept = [left if result.reason == NOT_ASKED else result for result in results]
        raise kind(fatal.message, hint=fatal.hint, results=kept) from fatal

    def _many(
        self,
        one: Callable[[int], R],
        results: list[R],
        done: ProgressCount,
    ) -> ModelError | None:
        """Fills in the results with many in flight; what ended it before its last, if anything."""
        fatal: ModelError | None = None
        pool = ThreadPoolExecutor(max_workers=self._in_flight)
        try:
            places = {pool.submit(one, i): i for i in range(len(results))}
            for future in as_completed(places):
                if future.cancelled():
                    continue
                try:
                    results[places[future]] = future.result()
                except ModelError as error:
                    fatal = fatal or error
                    for other in places:
                        other.cancel()
                else:
                    done.add()
        finally:  # an interrupt does not wait for the requests in flight
            pool.shutdown(wait=False, cancel_futures=True)
        return fatal


def _is_about_schema(reply: NoReply) -> bool:
    """Whether a server refuses a request for the form that it asks the answer to have."""
    said = reply.reason.casefold()
    return "response_format" in said or "json_schema" in said


def _generation(reply: ChatCompletion, options: GenerateOptions, prompt_bytes: int) -> Generation:
    """The answer in a server's reply, or the reason why it holds none."""
    choice = reply.choices[0] if reply.choices else None
    if choice is None or choice.message is None:
        return not_answered("the server's reply holds no answer")
    refusal = choice.message.refusal
    if refusal or choice.finish_reason == "content_filter":
        return not_answered(f"refused by the server: {refusal or 'content filter'}")

    text = valid_text(_text_of(choice.message))
    shown = cut_at_stops(text, options.stop)
    ended_at_limit = choice.finish_reason == "length" and shown == text
    estimate = TokensUsed(max(1, prompt_bytes // 4), len(text.encode()) // 4)
    used = tokens_used(reply, otherwise=estimate)
    return Generation(
        text=shown,
        prompt_tokens=used.prompt,
        tokens=min(used.answer, options.max_new_tokens),
        finish="length" if ended_at_limit else "stop",
    )


def _sent_turns(prompt: Sequence[Message]) -> list[dict[str, Any]]:
    """Turns in the server's form; each call has an id, which its result names."""
    sent: list[dict[str, Any]] = []
    open_calls: list[str] = []
    for place, message in enumerate(prompt):
        turn: dict[str, Any] = {"role": message.role, "content": valid_text(message.content)}
        if message.tool_calls:
            calls = [
                _sent_call(call, f"call_{place}_{n}") for n, call in enumerate(message.tool_calls)
            ]
            turn["tool_calls"] = calls
            open_calls = [call["id"] for call in calls]
        if message.role == "tool":
            answered = open_calls.pop(0) if open_calls else f"call_{place}"
            turn["tool_call_id"] = valid_text(message.tool_call_id) or answered
        sent.append(turn)
    return sent


def _sent_call(call: ToolCall, otherwise: str) -> dict[str, Any]:
    function = {"name": valid_text(call.name), "arguments": valid_text(call.arguments)}
    return {"id": valid_text(call.id) or otherwise, "type": "function", "function": function}


def _text_of(message: ChatCompletionMessage) -> str:
    """What an answer says, and behind it its calls, as in ``Message.text``."""
    calls = []
    for each in message.tool_calls or ():
        function = getattr(each, "function", None)
        if function is not None:
            calls.append(parsed_call(function.name, function.arguments))
    said = Message(role="assistant", content=message.content or "", tool_calls=tuple(calls))
    return said.text


def _echoed(reply: Completion, count: int) -> list[float]:
    """Log-probabilities of the first tokens of an echoed prompt; empty where there are none."""
    logprobs = reply.choices[0].logprobs if reply.choices else None
    if logprobs is None:
        return []
    return list(logprobs.token_logprobs or ())[:count]
