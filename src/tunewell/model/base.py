"""The one seam to models: everything that can generate text in batches and score given targets.

``local`` (transformers + PEFT), ``endpoint`` (any OpenAI-compatible server) and ``fake`` (tests)
are held to the same contract suite, `tunewell.testing.models.check_model`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, runtime_checkable

from pydantic import Field

from tunewell.errors import ModelError
from tunewell.types import Message, Value

Progress = Callable[[int, int], None]
"""Called with (done, total)."""


class GenerateOptions(Value):
    """How to generate.

    Attributes:
        max_new_tokens: Longest answer, in the model's own tokens.
        temperature: 0 = greedy (the default: evaluation must repeat).
        top_p: Nucleus mass, used when temperature > 0.
        seed: Of the sampling; the result for a prompt does not depend on its neighbours in the
            batch.
        stop: Strings that end an answer; they are not part of it.
    """

    max_new_tokens: int = Field(default=128, ge=1)
    temperature: float = Field(default=0.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    seed: int = 0
    stop: tuple[str, ...] = ()


class Generation(Value):
    """One answer.

    Attributes:
        text: The answer, without special tokens or stop strings.
        prompt_tokens: Tokens of the prompt as the model saw it.
        tokens: Tokens generated.
        finish: ``stop`` (ended by itself or at a stop string), ``length`` (cut), ``error``
            (``reason`` says why).
        reason: Why it failed.
    """

    text: str
    prompt_tokens: int
    tokens: int
    finish: Literal["stop", "length", "error"]
    reason: str = ""


class TargetScore(Value):
    """How probable a given target is.

    Attributes:
        nats: Sum over the target's tokens of -log p(token | before), the end-of-turn token
            included; natural logarithm.
        tokens: How many tokens that is.
        reason: Why there is no score; then nats = 0 and tokens = 0.
    """

    nats: float
    tokens: int
    reason: str = ""


class ProgressCount:
    """Counts what is done and tells it, if anybody asked.

    Args:
        progress: Who is told; None = nobody.
        total: How many there are.
    """

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def add(self, more: int = 1) -> None:
        """So many more are done."""
        self._done += more
        if self._progress and more:
            self._progress(self._done, self._total)


def check_as_many(prompts: Sequence[object], targets: Sequence[object]) -> None:
    """Refuses a call of `Model.score` with more targets than prompts, or fewer.

    Raises:
        ModelError: There are not as many.
    """
    if len(prompts) != len(targets):
        raise ModelError(
            f"{len(prompts)} prompts and {len(targets)} targets: their numbers must match."
        )


def not_answered(reason: str, *, prompt_tokens: int = 0) -> Generation:
    """The result of an item that failed."""
    return Generation(
        text="",
        prompt_tokens=prompt_tokens,
        tokens=0,
        finish="error",
        reason=reason or "no reason given",
    )


def not_scored(reason: str) -> TargetScore:
    """The result of a target that has no score."""
    return TargetScore(nats=0, tokens=0, reason=reason or "no reason given")


def not_heard(prompt: Sequence[Message]) -> str:
    """Why a model of text cannot answer a prompt with a recording; empty if it has none.

    Example:
        >>> not_heard([Message(role="user", content="", audio="05af" * 16)])
        'the prompt is heard, and the model reads text only'
    """
    if any(message.audio for message in prompt):
        return "the prompt is heard, and the model reads text only"
    return ""


def cut_at_stops(text: str, stops: Sequence[str]) -> str:
    """The text up to the first of the stop strings.

    Example:
        >>> cut_at_stops("one two three", ["three", "two"]), cut_at_stops("one", ["two"])
        ('one ', 'one')
    """
    places = [text.index(stop) for stop in stops if stop in text]
    return text[: min(places)] if places else text


@runtime_checkable
class Model(Protocol):
    """A language model.

    A conversation is a tuple of `Message`s that ends with a user turn. Results come in the order of
    the input, one for each, whatever happens: a failure of one item is ``finish="error"`` with its
    reason, never an exception and never a missing item. What concerns the whole call (no such
    model, refused key) raises `tunewell.errors.ModelError`.
    """

    @property
    def name(self) -> str:
        """What it is called in reports: ``smollm2-135m``, ``smollm2-135m+3fa4c1d2e5b6``."""
        ...

    def generate(
        self,
        prompts: Sequence[tuple[Message, ...]],
        *,
        options: GenerateOptions | None = None,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[Generation]:
        """One answer per prompt.

        ``tools`` holds the definitions of the tools of each prompt (``Example.tools``); none are
        given where it is empty.
        """
        ...

    def score(
        self,
        prompts: Sequence[tuple[Message, ...]],
        targets: Sequence[str],
        *,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[TargetScore]:
        """How probable each target is as the answer to its prompt; ``tools`` as in `generate`."""
        ...
