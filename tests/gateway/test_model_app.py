"""A model behind OpenAI's protocol answers as the model does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.client import Client
from tunewell.gateway.model_app import ModelApp
from tunewell.model.base import GenerateOptions, Generation
from tunewell.model.local import LocalModel
from tunewell.model.weights import resolve
from tunewell.testing.tiny import tiny_model_folder
from tunewell.types import Message

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LocalModel:
    folder = tiny_model_folder(tmp_path_factory.mktemp("tiny"))
    cache = tmp_path_factory.mktemp("cache")
    return LocalModel(resolve(str(folder), cache=cache), dtype="float32", device="cpu")


def run(models: dict[str, Any], work: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        await work(Client(ModelApp(models)))

    asyncio.run(main())


def body(text: str = "how are you", **more: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": text}]
    return {"messages": turns, "temperature": 0, "max_tokens": 12, **more}


def alone(model: LocalModel, text: str, **options: Any) -> Generation:
    prompt = (Message(role="user", content=text),)
    chosen = GenerateOptions.model_validate({"max_new_tokens": 12, **options})
    return model.generate([prompt], options=chosen)[0]


def streamed(answer: Any) -> tuple[str, str]:
    """The text of a stream and why it ended."""
    lines = answer.body.decode().splitlines()
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    choices = [choice for event in events for choice in event["choices"]]
    text = "".join(choice["delta"].get("content", "") for choice in choices)
    return text, next(c["finish_reason"] for c in choices if c["finish_reason"])


def test_whole_and_streamed_answers_are_the_models_own(model: LocalModel) -> None:
    texts = ["how are you", "what is the time", "a"]

    async def work(client: Client) -> None:
        whole = await asyncio.gather(*[client.post(CHAT, body(text)) for text in texts])
        parts = await asyncio.gather(*[client.post(CHAT, body(t, stream=True)) for t in texts])
        for text, one, other in zip(texts, whole, parts, strict=True):
            expected = alone(model, text)
            choice = one.json["choices"][0]
            assert choice["message"]["content"] == expected.text
            assert choice["finish_reason"] == expected.finish
            assert one.json["usage"]["completion_tokens"] == expected.tokens
            assert streamed(other) == (expected.text, expected.finish)
            assert other.body.endswith(b"data: [DONE]\n\n")

    run({"m": model}, work)


def test_stop_strings_are_never_sent(model: LocalModel) -> None:
    free = alone(model, "how are you").text
    stop = free[3:5]

    async def work(client: Client) -> None:
        answer = await client.post(CHAT, body(stream=True, stop=[stop]))
        assert streamed(answer) == (alone(model, "how are you", stop=(stop,)).text, "stop")
        assert stop not in streamed(answer)[0]

    assert stop
    run({"m": model}, work)


def test_usage_where_it_is_asked_for(model: LocalModel) -> None:
    async def work(client: Client) -> None:
        asked = body(stream=True, stream_options={"include_usage": True})
        answer = await client.post(CHAT, asked)
        usage = [line for line in answer.body.decode().splitlines() if '"usage"' in line]
        assert json.loads(usage[0][6:])["usage"]["total_tokens"] > 0

    run({"m": model}, work)


class Slow:
    """Counts the batches that it was given."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.chat = self

    def decode(self, ids: Any) -> str:
        return "x" * len(ids)

    def generate(self, prompts: Any, *, options: Any = None, told: Any = None) -> list[Generation]:
        import time

        self.batches.append(len(prompts))
        time.sleep(0.15)
        return [Generation(text="ok", prompt_tokens=1, tokens=1, finish="stop") for _ in prompts]


def test_requests_that_wait_together_are_one_batch_and_others_are_not() -> None:
    slow, other = Slow(), Slow()

    async def work(client: Client) -> None:
        jobs = [client.post(CHAT, body()) for _ in range(7)]
        jobs += [client.post(CHAT, body(temperature=0.5)) for _ in range(2)]
        jobs += [client.post(CHAT, body(model="other"))]
        answers = await asyncio.gather(*jobs)
        assert {answer.status for answer in answers} == {200}

    run({"m": slow, "other": other}, work)
    assert sum(slow.batches) == 9
    assert len(slow.batches) < 9
    assert other.batches == [1]


class Broken(Slow):
    def generate(self, prompts: Any, *, options: Any = None, told: Any = None) -> list[Generation]:
        raise RuntimeError("a secret path /etc")


def test_a_model_that_fails_is_a_500_without_its_words() -> None:
    async def work(client: Client) -> None:
        for stream in (False, True):
            answer = await client.post(CHAT, body(stream=stream))
            assert answer.status == 500
            assert b"secret" not in answer.body

    run({"m": Broken()}, work)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"messages": []}, 400),
        ({"messages": "x"}, 400),
        ({"messages": [{"role": "wizard", "content": "x"}]}, 400),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 400),
        ({"messages": [{"role": "user", "content": 5}]}, 400),
        ({"temperature": -1}, 400),
        ({"max_tokens": -3}, 400),
        ({"top_p": 5}, 400),
        ({"n": 3}, 400),
        ({"model": "unknown"}, 404),
    ],
)
def test_requests_that_cannot_be_answered(change: dict[str, Any], status: int) -> None:
    async def work(client: Client) -> None:
        answer = await client.post(CHAT, {**body(), **change})
        assert answer.status == status
        assert answer.json["error"]["message"]

    run({"m": Slow()}, work)


def test_a_prompt_longer_than_the_context(model: LocalModel) -> None:
    async def work(client: Client) -> None:
        answer = await client.post(CHAT, body("word " * 20_000))
        assert answer.status == 400
        assert answer.json["error"]["code"] == "context_length_exceeded"

    run({"m": model}, work)


def test_versions_are_named_by_their_beginning(tmp_path: Path) -> None:
    first, second = Slow(), Slow()

    async def work(client: Client) -> None:
        await client.post(CHAT, body(model="abc123"))
        await client.post(CHAT, body(model="base"))
        models = await client.get("/v1/models")
        assert [each["id"] for each in models.json["data"]] == ["abc123def", "base"]

    run({"abc123def": first, "base": second}, work)
    assert (first.batches, second.batches) == ([1], [1])
