"""Guideline adherence: rules of the house that code can check, written in tunewell.yaml."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import filterfalse

from pydantic import Field, field_validator, model_validator

from tunewell.metrics.base import Marked, Metric
from tunewell.metrics.patterns import LONGEST_MATCHED, between_slashes
from tunewell.metrics.registry import MetricSetting, built_in_with
from tunewell.task import TaskSpec
from tunewell.timed_pattern import TimedPattern
from tunewell.types import Example, MetricInfo, Unscored, Value

_NONE_APPLIES = "no rule applies to this row"


class GuidelineRule(Value):
    """One rule. Text is looked for whatever its case; ``/…/`` is a pattern.

    Attributes:
        rule: The rule in words, as the guideline says it.
        when: The rule holds only for rows whose input has this; empty = always.
        must: Every one of these stands in the answer.
        any_of: At least one of these stands in the answer.
        must_not: None of these stands in the answer.
        begins: The answer begins with this.
        ends: The answer ends with this.
        most_words: The answer has no more words than this; 0 = no limit.
        most_sentences: The answer has no more sentences than this; 0 = no limit.
    """

    rule: str = Field(min_length=1)
    when: str = ""
    must: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()
    begins: str = ""
    ends: str = ""
    most_words: int = Field(default=0, ge=0)
    most_sentences: int = Field(default=0, ge=0)

    @field_validator("must", "any_of", "must_not", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _checks_something(self) -> GuidelineRule:
        texts = (
            *self.must,
            *self.any_of,
            *self.must_not,
            self.begins,
            self.ends,
        )
        if not any((*texts, self.most_words, self.most_sentences)):
            raise ValueError(f"the rule {self.rule!r} checks nothing")
        for item in filter(None, (self.when, *texts)):
            finder(item)
        return self


class GuidelineOptions(Value):
    """Options of ``guideline``.

    Attributes:
        rules: Each with ``rule`` (in words) and what is checked: ``must``, ``any_of``,
            ``must_not``, ``begins``, ``ends``, ``most_words``, ``most_sentences``; ``when`` limits
            it to rows whose input has that text.
    """

    rules: tuple[GuidelineRule, ...] = Field(min_length=1)


def finder(item: str) -> TimedPattern:
    r"""A text or a ``/pattern/`` as something to search with.

    Raises:
        ValueError: The pattern does not compile.

    Example:
        >>> finder("Dear customer").search("DEAR CUSTOMER,") is not None
        True
        >>> finder(r"/^ref \d+/").search("see ref 12") is None
        True
    """
    pattern = between_slashes(item) or re.escape(item)
    return TimedPattern(pattern, re.IGNORECASE)


def broken(rule: GuidelineRule, answer: str) -> str:
    """Why an answer breaks a rule; empty if it keeps it.

    Example:
        >>> broken(GuidelineRule(rule="Name the deadline.", any_of=("days", "weeks")), "Soon.")
        'none of days, weeks'
    """
    answer = answer.strip()[:LONGEST_MATCHED]
    for check in _CHECKS:
        fault = check(rule, answer)
        if fault:
            return fault
    return ""


def _holds(answer: str) -> Callable[[str], bool]:
    """Whether an answer holds an item."""
    return lambda item: finder(item).search(answer) is not None


def _without_required(rule: GuidelineRule, answer: str) -> str:
    missing = list(filterfalse(_holds(answer), rule.must))
    return f"{missing[0]!r} is missing" if missing else ""


def _without_any(rule: GuidelineRule, answer: str) -> str:
    if not rule.any_of or any(map(_holds(answer), rule.any_of)):
        return ""
    return f"none of {', '.join(rule.any_of)}"


def _with_forbidden(rule: GuidelineRule, answer: str) -> str:
    said = list(filter(_holds(answer), rule.must_not))
    return f"{said[0]!r} appears in it" if said else ""


def _begins_otherwise(rule: GuidelineRule, answer: str) -> str:
    if not rule.begins or finder(rule.begins).match(answer):
        return ""
    return f"it does not begin with {rule.begins!r}"


def _ends_otherwise(rule: GuidelineRule, answer: str) -> str:
    if not rule.ends:
        return ""
    for match in finder(rule.ends).finditer(answer):
        if match.end() == len(answer):
            return ""
    return f"it does not end with {rule.ends!r}"


def _too_many_words(rule: GuidelineRule, answer: str) -> str:
    words = len(answer.split())
    is_too_long = 0 < rule.most_words < words
    return f"{words} words, at most {rule.most_words}" if is_too_long else ""


def _too_many_sentences(rule: GuidelineRule, answer: str) -> str:
    # An answer without a full stop is one sentence.
    sentences = len(re.findall(r"[.!?]+(?=\s|$)", answer)) or bool(answer)
    is_too_long = 0 < rule.most_sentences < sentences
    return f"{sentences} sentences, at most {rule.most_sentences}" if is_too_long else ""


_CHECKS = (
    _without_required,
    _without_any,
    _with_forbidden,
    _begins_otherwise,
    _ends_otherwise,
    _too_many_words,
    _too_many_sentences,
)
"""The first that finds a fault is the one that is told."""


def applying(rules: tuple[GuidelineRule, ...], example: Example) -> list[GuidelineRule]:
    """The rules that apply to a row."""
    given = example.input[:LONGEST_MATCHED]
    # The pattern of an empty text is found in every input.
    return [rule for rule in rules if finder(rule.when).search(given)]


@built_in_with(
    MetricInfo(
        name="guideline",
        title="guideline kept",
        own=True,
        validated=True,
    ),
    GuidelineOptions,
)
def guideline(options: GuidelineOptions, setting: MetricSetting) -> Metric:
    """Share of the guideline's rules that apply to the row which the answer keeps.

    The broken ones are named.
    """

    def share_kept(output: str, example: Example, *, task: TaskSpec) -> Marked | Unscored:
        used = applying(options.rules, example)
        if not used:
            return Unscored(reason=_NONE_APPLIES)
        faults = []
        for rule in used:
            reason = broken(rule, output)
            if reason:
                faults.append(f"{rule.rule}: {reason}")
        share = len(faults) / len(used)
        return Marked(value=1 - share, reason="; ".join(faults))

    def applies(example: Example) -> str:
        return "" if applying(options.rules, example) else _NONE_APPLIES

    return Metric(
        info=setting.info,
        function=share_kept,
        applies=applies,
    )
