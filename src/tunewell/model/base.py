"""The one seam to models: everything that can generate text in batches and score given targets.

``local`` (transformers + PEFT), ``endpoint`` (any OpenAI-compatible server) and ``fake`` (tests)
are held to the same contract suite, `tunewell.testing.models.check_model`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, runtime_checkable

from pydantic import Field

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


@runtime_checkable
class Model(Protocol):
    """A language model.

    A conversation is a tuple of `Message`s that ends with a user turn. Results come in the order of
    the input, one for
    each, whatever happens: a failure of one item is ``finish="error"`` with its reason, never an
    exception and never a missing item. What concerns the whole call (no such model, refused key)
    raises `tunewell.errors.ModelError`.
    """

    @property
    def name(self) -> str:
        """What it is called in reports, such as ``smollm2-135m`` or ``smollm2-135m+3fa4c1d2e5b6``."""
        ...

    def generate(
        self,
        prompts: Sequence[tuple[Message, ...]],
        *,
        options: GenerateOptions | None = None,
        progress: Progress | None = None,
    ) -> list[Generation]:
        """One answer per prompt."""
        ...

    def score(
        self,
        prompts: Sequence[tuple[Message, ...]],
        targets: Sequence[str],
        *,
        progress: Progress | None = None,
    ) -> list[TargetScore]:
        """How probable each target is as the answer to its prompt."""
        ...
