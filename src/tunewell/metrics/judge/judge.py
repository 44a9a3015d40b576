"""A model that judges outputs by a rubric, its replies cached by content."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

from tunewell.metrics.judge.identity import identity_of
from tunewell.metrics.judge.prompts import Talk, ask_for_preference, ask_for_verdict
from tunewell.metrics.judge.replies import parse_preference, parse_verdict
from tunewell.metrics.judge.reply_cache import ReplyCache
from tunewell.model.base import (
    GenerateOptions,
    Generation,
    Model,
    TargetScore,
    not_answered,
)
from tunewell.model.budget import NOT_ASKED, UnfinishedError
from tunewell.stats import PositionBias, position_bias
from tunewell.task import RubricCriterion, TaskSpec
from tunewell.types import Example, Unscored, Value, digest

VERSION: Final = "2"
"""Of the prompts and of the way in which replies are read; part of every cache key."""
MAX_NEW_TOKENS: Final = 256
"""Enough for a sentence and a verdict; a judge that reasons needs more."""
_VARIED_TEMPERATURE: Final = 0.7
_MORE_ROOM: Final = 4
"""A reply that was cut gets so many times as many tokens when it is asked for again."""
_AGAIN: Final = 1_000_000
"""Seeds of second askings begin here, beyond those of the repeats."""


class JudgeVerdict(Value):
    """A judge's word on one output.

    Attributes:
        example: Row.
        criterion: Of the rubric.
        value: 0 or 1, or 1 to 5; or why there is none.
        reason: The judge's.
        consistent: Share of the repeats that agree with the value; 1 with a single one.
    """

    example: str
    criterion: str
    value: float | Unscored
    reason: str = ""
    consistent: float = 1.0


class Preferences(Value):
    """Pairs judged in both orders.

    Attributes:
        values: 1 where the first output is preferred in both orders, 0 where the second is, .5 for
            ties and where it depends on the order; or why there is no verdict.
        position: How much the order decides; None without a pair that was judged in both.
    """

    values: tuple[float | Unscored, ...]
    position: PositionBias | None = None


_Preference = float | Unscored
_Said = tuple[float, str] | Unscored
_Read = TypeVar("_Read")


@dataclass(frozen=True)
class _Question(Generic[_Read]):
    """What is asked of the judge, and how its replies are read.

    Attributes:
        prompts: One for each reply that is wanted.
        read: From the text of a reply to what it says, or why it says nothing.
        rubric: Digest of the criterion as it is now.
    """

    prompts: Sequence[Talk]
    read: Callable[[str], _Read | Unscored]
    rubric: str


@dataclass(frozen=True)
class _Request:
    """A prompt with the seed of the reply and the key under which that is cached."""

    prompt: Talk
    seed: int
    key: str


@dataclass(frozen=True)
class Judge:
    """A model that judges by a rubric.

    Only replies that hold a verdict are cached, under the model with its server, the parameters,
    the criterion as it is and what was asked. A reply that was cut is asked for again with more
    room, a malformed one with another seed, once each; what then fails is unscored with its reason.
    Where quota or budget end a call, the verdicts so far are kept and the rest is unscored.

    Attributes:
        model: Any `Model`.
        cache: Folder for replies by content; None = none are kept.
        repeats: How often each output is judged; the middle value counts.
        max_new_tokens: Longest reply, its reasoning included. Reasoning is taken off before the
            verdict is read.
    """

    model: Model
    cache: Path | None = None
    repeats: int = 1
    max_new_tokens: int = MAX_NEW_TOKENS

    def judge(
        self, criterion: RubricCriterion, pairs: Sequence[tuple[str, Example]], *, task: TaskSpec
    ) -> list[JudgeVerdict]:
        """One verdict per (output, row), in order.

        All requests that are not cached go out together.

        Args:
            criterion: What is asked.
            pairs: Outputs with the rows that they answer.
            task: The definition.
        """
        question = _Question(
            prompts=[ask_for_verdict(criterion, output, row, task) for output, row in pairs],
            read=lambda reply: parse_verdict(reply, criterion),
            rubric=digest(criterion),
        )
        said = self._replies(question, repeats=self.repeats)

        verdicts = []
        for number, (_, example) in enumerate(pairs):
            start = number * self.repeats
            repeats = said[start : start + self.repeats]
            verdicts.append(_together(example.id, criterion.name, repeats))
        return verdicts

    def prefer(
        self,
        criterion: RubricCriterion,
        triples: Sequence[tuple[str, str, Example]],
        *,
        task: TaskSpec,
    ) -> Preferences:
        """Which of two outputs is better, each pair in both orders.

        Args:
            criterion: What is asked.
            triples: (output of a, output of b, row).
            task: The definition.
        """
        prompts: list[Talk] = []
        for a, b, example in triples:
            prompts.append(ask_for_preference(criterion, a, b, example, task))
            prompts.append(ask_for_preference(criterion, b, a, example, task))
        question = _Question(prompts, parse_preference, digest(criterion))
        said = self._replies(question, repeats=1)
        return _in_both_orders(said[::2], said[1::2])

    def _replies(self, question: _Question[_Read], *, repeats: int) -> list[_Read | Unscored]:
        """What the replies say, those to one prompt together."""
        temperature = _VARIED_TEMPERATURE if repeats > 1 else 0.0
        options = GenerateOptions(max_new_tokens=self.max_new_tokens, temperature=temperature)
        requests = list(self._requests(question, options, repeats))
        cache = ReplyCache(self.cache)
        cached = cache.known({request.key for request in requests})
        usable = _usable(cached, question)
        known: dict[str, _Read | Unscored] = {**usable}
        for seed in range(repeats):
            todo = {
                request.key: request.prompt
                for request in requests
                if request.seed == seed and request.key not in known
            }
            if todo:
                seeded = options.model_copy(update={"seed": seed})
                asked = self._ask(todo, question, seeded, cache)
                known |= asked
        return [known[request.key] for request in requests]

    def _requests(
        self, question: _Question[_Read], options: GenerateOptions, repeats: int
    ) -> Iterator[_Request]:
        asked = [VERSION, identity_of(self.model), question.rubric, options.model_dump(mode="json")]
        for prompt in question.prompts:
            turns = [[message.role, message.content] for message in prompt]
            for seed in range(repeats):
                yield _Request(prompt, seed, digest([asked, turns, seed]))

    def _ask(
        self,
        prompts: dict[str, Talk],
        question: _Question[_Read],
        options: GenerateOptions,
        cache: ReplyCache,
    ) -> dict[str, _Read | Unscored]:
        """What the replies say by their keys, asked twice if need be; only good ones are cached."""
        first = self._generate(prompts, options)
        if any(reply.reason.startswith(NOT_ASKED) for reply in first.values()):
            return self._kept(first, question, cache)
        cut = [key for key, reply in first.items() if reply.finish == "length"]
        malformed = [key for key, reply in first.items() if _is_malformed(reply, question)]

        longer = options.model_copy(update={"max_new_tokens": options.max_new_tokens * _MORE_ROOM})
        other = options.model_copy(
            update={"seed": options.seed + _AGAIN, "temperature": _VARIED_TEMPERATURE}
        )
        replies = first
        replies |= self._generate({key: prompts[key] for key in cut}, longer)
        replies |= self._generate({key: prompts[key] for key in malformed}, other)
        return self._kept(replies, question, cache)

    def _kept(
        self,
        replies: dict[str, Generation],
        question: _Question[_Read],
        cache: ReplyCache,
    ) -> dict[str, _Read | Unscored]:
        """What the replies say by their keys, those that say something cached."""
        said: dict[str, _Read | Unscored] = {}
        for key, reply in replies.items():
            found = _said_by(reply, question)
            said[key] = found
            if not isinstance(found, Unscored):
                cache.keep(key, reply.text, model=self.model.name)
        return said

    def _generate(
        self, prompts: dict[str, Talk], options: GenerateOptions
    ) -> dict[str, Generation]:
        if not prompts:
            return {}
        talks = list(prompts.values())
        try:
            generations: Sequence[Generation] = self.model.generate(talks, options=options)
        except UnfinishedError as error:
            # What was answered is paid for; the rest can be asked for in another run.
            generations = [_as_generation(result) for result in error.results]
        return dict(zip(prompts, generations, strict=True))


def _as_generation(result: Generation | TargetScore) -> Generation:
    return result if isinstance(result, Generation) else not_answered(result.reason)


def _said_by(reply: Generation, question: _Question[_Read]) -> _Read | Unscored:
    """What a reply says; one that failed or was cut says nothing, whatever it holds."""
    if reply.finish == "error" and reply.reason.startswith(NOT_ASKED):
        return Unscored(reason=f"the judge was {reply.reason}"[:300])
    if reply.finish == "error":
        return Unscored(reason=f"the judge failed: {reply.reason or 'no reason given'}"[:300])
    if reply.finish == "length":
        return Unscored(
            reason=f"the judge's reply was cut at {reply.tokens} tokens (raise max_new_tokens)"
        )
    return question.read(reply.text)


def _is_malformed(reply: Generation, question: _Question[_Read]) -> bool:
    return reply.finish == "stop" and isinstance(question.read(reply.text), Unscored)


def _usable(replies: dict[str, str], question: _Question[_Read]) -> dict[str, _Read]:
    """What cached replies say, where they hold a verdict."""
    said: dict[str, _Read] = {}
    for key, text in replies.items():
        found = question.read(text)
        if not isinstance(found, Unscored):
            said[key] = found
    return said


def _in_both_orders(first: Sequence[_Preference], swapped: Sequence[_Preference]) -> Preferences:
    values: list[_Preference] = []
    whole: list[tuple[float, float]] = []
    for forward, backward in zip(first, swapped, strict=True):
        if isinstance(forward, Unscored):
            values.append(forward)
        elif isinstance(backward, Unscored):
            values.append(backward)
        else:
            whole.append((forward, backward))
            # Preferred in both orders: 1; whatever stands first: one half.
            values.append((forward + 1 - backward) / 2)

    if not whole:
        return Preferences(values=tuple(values))
    forwards, backwards = zip(*whole, strict=True)
    return Preferences(values=tuple(values), position=position_bias(forwards, backwards))


def _together(example: str, criterion: str, said: Sequence[_Said]) -> JudgeVerdict:
    """The middle of the repeats; a tie of two falls to the lower.

    Unscored if half of them or more are.
    """
    good = [verdict for verdict in said if not isinstance(verdict, Unscored)]
    failed = [verdict for verdict in said if isinstance(verdict, Unscored)]
    if len(good) <= len(failed):
        return JudgeVerdict(
            example=example,
            criterion=criterion,
            value=Unscored(reason=_reasons(failed)),
            consistent=0.0,
        )

    good.sort(key=lambda verdict: verdict[0])
    value, reason = good[(len(good) - 1) // 2]
    agree = sum(other == value for other, _ in good)
    return JudgeVerdict(
        example=example,
        criterion=criterion,
        value=value,
        reason=reason,
        consistent=agree / len(said),
    )


def _reasons(failed: Sequence[Unscored]) -> str:
    """Why there is no verdict, each reason once."""
    distinct = dict.fromkeys(why.reason for why in failed)
    return "; ".join(distinct)[:300]
