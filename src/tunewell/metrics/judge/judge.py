"""A model that judges outputs by a rubric, its replies cached by content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tunewell.metrics.judge.prompts import Talk, ask_for_preference, ask_for_verdict
from tunewell.metrics.judge.replies import parse_preference, parse_verdict
from tunewell.metrics.judge.reply_cache import ReplyCache
from tunewell.model.base import GenerateOptions, Model
from tunewell.stats import PositionBias, position_bias
from tunewell.task import RubricCriterion, TaskSpec
from tunewell.types import Example, Unscored, Value, digest

VERSION: Final = "1"
_DECIDED: Final = GenerateOptions(max_new_tokens=256, temperature=0.0)
_VARIED: Final = GenerateOptions(max_new_tokens=256, temperature=0.7)


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


@dataclass(frozen=True)
class _Request:
    """A prompt with the seed of the reply and the key under which that is cached."""

    prompt: Talk
    seed: int
    key: str


@dataclass(frozen=True)
class Judge:
    """A model that judges by a rubric.

    Attributes:
        model: Any `Model`.
        cache: Folder for replies by content; None = none are kept.
        repeats: How often each output is judged; the middle value counts.
    """

    model: Model
    cache: Path | None = None
    repeats: int = 1

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
        prompts = [ask_for_verdict(criterion, output, row, task) for output, row in pairs]
        options = _VARIED if self.repeats > 1 else _DECIDED
        replies = self._replies(prompts, options, repeats=self.repeats)
        said = [parse_verdict(reply, criterion) for reply in replies]

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
        said = list(map(parse_preference, self._replies(prompts, _DECIDED)))
        return _in_both_orders(said[::2], said[1::2])

    def _replies(
        self, prompts: Sequence[Talk], options: GenerateOptions, *, repeats: int = 1
    ) -> list[str]:
        """Raw replies, those to one prompt together; empty where the model failed."""
        requests = list(self._requests(prompts, options, repeats))
        cache = ReplyCache(self.cache)
        known = cache.known({request.key for request in requests})
        for seed in range(repeats):
            todo = {
                request.key: request.prompt
                for request in requests
                if request.seed == seed and request.key not in known
            }
            if todo:
                seeded = options.model_copy(update={"seed": seed})
                known |= self._ask(todo, seeded, cache)
        return [known[request.key] for request in requests]

    def _requests(
        self, prompts: Sequence[Talk], options: GenerateOptions, repeats: int
    ) -> Iterator[_Request]:
        settings = options.model_dump(mode="json")
        for prompt in prompts:
            turns = [[message.role, message.content] for message in prompt]
            for seed in range(repeats):
                key = digest([VERSION, self.model.name, turns, seed, settings])
                yield _Request(prompt, seed, key)

    def _ask(
        self, prompts: dict[str, Talk], options: GenerateOptions, cache: ReplyCache
    ) -> dict[str, str]:
        """Replies by their keys; only good ones are cached."""
        replies = {}
        generations = self.model.generate(list(prompts.values()), options=options)
        for key, generation in zip(prompts, generations, strict=True):
            if generation.finish == "error":
                replies[key] = ""
                continue
            replies[key] = generation.text
            cache.keep(key, generation.text, model=self.model.name)
        return replies


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
            value=failed[0],
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
