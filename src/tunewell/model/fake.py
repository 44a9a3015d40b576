"""A model for tests: says what the test tells it to, and fails where the test wants it to."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tunewell.model.base import (
    GenerateOptions,
    Generation,
    Progress,
    ProgressCount,
    TargetScore,
    check_as_many,
    cut_at_stops,
    not_answered,
    not_scored,
)
from tunewell.model.tools import tools_for
from tunewell.types import Message

Conversation = tuple[Message, ...]
Answers = Callable[[Conversation], str] | Mapping[str, str] | Sequence[str]
_TOKEN = re.compile(r"\s*\S+|\s+$")
SURE_NATS = 0.1  # per word of a target that is the scripted answer
UNLIKE_NATS = 5.0  # added per word of a target that has nothing in common with it


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
        tools: The tools of each of these.

    Example:
        >>> model = FakeModel({"When?": "Today."})
        >>> model.generate([(Message(role="user", content="When?"),)])[0].text
        'Today.'
    """

    answers: Answers = echo
    name: str = "fake"
    failures: Callable[[Conversation], str | None] = lambda _: None
    calls: list[Conversation] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)

    def generate(
        self,
        prompts: Sequence[Conversation],
        *,
        options: GenerateOptions | None = None,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[Generation]:
        """The scripted answers, cut at stop strings and at ``max_new_tokens`` words."""
        options = options or GenerateOptions()
        results = []
        done = ProgressCount(progress, len(prompts))
        self.tools += tools_for(tools, len(prompts))
        for i, prompt in enumerate(prompts):
            self.calls.append(prompt)
            results.append(self._one(i, prompt, options))
            done.add()
        return results

    def score(
        self,
        prompts: Sequence[Conversation],
        targets: Sequence[str],
        *,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[TargetScore]:
        """0.1 nats a word for the scripted answer, more the less a target is like it."""
        check_as_many(prompts, targets)
        tools_for(tools, len(prompts))
        results = []
        done = ProgressCount(progress, len(prompts))
        for i, (prompt, target) in enumerate(zip(prompts, targets, strict=True)):
            results.append(self._score(i, prompt, target))
            done.add()
        return results

    def _one(self, i: int, prompt: Conversation, options: GenerateOptions) -> Generation:
        prompt_tokens = sum(1 + len(_words(message.text)) for message in prompt)
        if reason := self.failures(prompt):
            return not_answered(reason, prompt_tokens=prompt_tokens)

        answer = self._answer(i, prompt)
        words = _words(cut_at_stops(answer, options.stop))
        given = words[: options.max_new_tokens]
        return Generation(
            text="".join(given),
            prompt_tokens=prompt_tokens,
            tokens=len(given),
            finish="length" if len(given) < len(words) else "stop",
        )

    def _score(self, i: int, prompt: Conversation, target: str) -> TargetScore:
        if reason := self.failures(prompt):
            return not_scored(reason)

        answer = self._answer(i, prompt)
        matcher = difflib.SequenceMatcher(None, answer, target, autojunk=False)
        unlike = 1 - matcher.ratio()
        nats_per_word = SURE_NATS + UNLIKE_NATS * unlike
        tokens = len(_words(target)) + 1
        return TargetScore(nats=tokens * nats_per_word, tokens=tokens)

    def _answer(self, i: int, prompt: Conversation) -> str:
        if callable(self.answers):
            return self.answers(prompt)
        if isinstance(self.answers, Mapping):
            last = prompt[-1].text if prompt else ""
            return self.answers[last] if last in self.answers else echo(prompt)
        return self.answers[i % len(self.answers)] if self.answers else ""


def _words(text: str) -> list[str]:
    return _TOKEN.findall(text)
