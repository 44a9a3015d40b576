"""A model for tests: says what the test tells it to, always the same, and fails where the test wants it to."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tunewell.errors import ModelError
from tunewell.model.base import GenerateOptions, Generation, Progress, TargetScore
from tunewell.types import Message

Conversation = tuple[Message, ...]
Answers = Callable[[Conversation], str] | Mapping[str, str] | Sequence[str]
_TOKEN = re.compile(r"\s*\S+|\s+$")


def echo(prompt: Conversation) -> str:
    """The answer where none is scripted: the last turn, repeated."""
    return f"You said: {prompt[-1].content}" if prompt else "You said nothing."


@dataclass
class FakeModel:
    """A deterministic `Model` whose tokens are words.

    Attributes:
        answers: A function of the conversation; or answers by the text of the last turn (others are
            echoed); or a list, one for each prompt of a call, begun anew where it ends.
        name: As in `Model`.
        failures: Gives the reason why a conversation fails, or None.
        calls: What was asked: every conversation given to `generate`, in order.

    Example:
        >>> model = FakeModel({"When?": "Today."})
        >>> model.generate([(Message(role="user", content="When?"),)])[0].text
        'Today.'
    """

    answers: Answers = echo
    name: str = "fake"
    failures: Callable[[Conversation], str | None] = lambda _: None
    calls: list[Conversation] = field(default_factory=list)

    def generate(
        self,
        prompts: Sequence[Conversation],
        *,
        options: GenerateOptions | None = None,
        progress: Progress | None = None,
    ) -> list[Generation]:
        """The scripted answers, cut at stop strings and at ``max_new_tokens`` words."""
        options = options or GenerateOptions()
        results = []
        for i, prompt in enumerate(prompts):
            self.calls.append(prompt)
            results.append(self._one(i, prompt, options))
            if progress:
                progress(i + 1, len(prompts))
        return results

    def score(
        self,
        prompts: Sequence[Conversation],
        targets: Sequence[str],
        *,
        progress: Progress | None = None,
    ) -> list[TargetScore]:
        """0.1 nats a word for the scripted answer, more the less a target is like it."""
        if len(prompts) != len(targets):
            raise ModelError(
                f"{len(prompts)} prompts and {len(targets)} targets: there must be as many."
            )
        results = []
        for i, (prompt, target) in enumerate(zip(prompts, targets, strict=True)):
            reason = self.failures(prompt)
            tokens = len(_words(target)) + 1
            unlike = (
                1
                - difflib.SequenceMatcher(
                    None, self._answer(i, prompt), target, autojunk=False
                ).ratio()
            )
            nats = tokens * (0.1 + 5 * unlike)
            results.append(
                TargetScore(nats=0, tokens=0, reason=reason)
                if reason
                else TargetScore(nats=nats, tokens=tokens)
            )
            if progress:
                progress(i + 1, len(prompts))
        return results

    def _one(self, i: int, prompt: Conversation, options: GenerateOptions) -> Generation:
        prompt_tokens = sum(1 + len(_words(m.content)) for m in prompt)
        if reason := self.failures(prompt):
            return Generation(
                text="", prompt_tokens=prompt_tokens, tokens=0, finish="error", reason=reason
            )
        text = self._answer(i, prompt)
        at = min((text.index(s) for s in options.stop if s in text), default=len(text))
        words = _words(text[:at])
        cut = len(words) > options.max_new_tokens
        return Generation(
            text="".join(words[: options.max_new_tokens]),
            prompt_tokens=prompt_tokens,
            tokens=min(len(words), options.max_new_tokens),
            finish="length" if cut else "stop",
        )

    def _answer(self, i: int, prompt: Conversation) -> str:
        if callable(self.answers):
            return self.answers(prompt)
        if isinstance(self.answers, Mapping):
            last = prompt[-1].content if prompt else ""
            return self.answers[last] if last in self.answers else echo(prompt)
        return self.answers[i % len(self.answers)] if self.answers else ""


def _words(text: str) -> list[str]:
    return _TOKEN.findall(text)
