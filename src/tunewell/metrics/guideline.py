"""Guideline adherence: rules of the house that code can check, each with when it applies, written in tunewell.yaml."""

from __future__ import annotations

import re
from collections.abc import Callable

from pydantic import Field, field_validator, model_validator

from tunewell.metrics.base import Marked
from tunewell.metrics.label import LONGEST_MATCHED
from tunewell.task import TaskSpec
from tunewell.types import Example, Unscored, Value


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
        if not (
            self.must
            or self.any_of
            or self.must_not
            or self.begins
            or self.ends
            or self.most_words
            or self.most_sentences
        ):
            raise ValueError(f"the rule {self.rule!r} checks nothing")
        for item in (self.when, self.begins, self.ends, *self.must, *self.any_of, *self.must_not):
            if item:
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


def finder(item: str) -> re.Pattern[str]:
    r"""A text or a ``/pattern/`` as something to search with.

    Raises:
        ValueError: The pattern does not compile.

    Example:
        >>> finder("Dear customer").search("DEAR CUSTOMER,") is not None
        True
        >>> finder(r"/^ref \d+/").search("see ref 12") is None
        True
    """
    pattern = (
        item[1:-1]
        if len(item) > 2 and item.startswith("/") and item.endswith("/")
        else re.escape(item)
    )
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"{item!r} is not a valid pattern: {error}") from None


def broken(rule: GuidelineRule, answer: str) -> str:
    """Why an answer breaks a rule; empty if it keeps it.

    Example:
        >>> broken(GuidelineRule(rule="Name the deadline.", any_of=("days", "weeks")), "Soon.")
        'none of days, weeks'
    """
    answer = answer.strip()[:LONGEST_MATCHED]
    missing = [m for m in rule.must if not finder(m).search(answer)]
    if missing:
        return f"{missing[0]!r} is missing"
    if rule.any_of and not any(finder(m).search(answer) for m in rule.any_of):
        return f"none of {', '.join(rule.any_of)}"
    said = [m for m in rule.must_not if finder(m).search(answer)]
    if said:
        return f"{said[0]!r} stands in it"
    if rule.begins and not finder(rule.begins).match(answer):
        return f"it does not begin with {rule.begins!r}"
    if rule.ends and not any(m.end() == len(answer) for m in finder(rule.ends).finditer(answer)):
        return f"it does not end with {rule.ends!r}"
    return _too_long(rule, answer)


def _too_long(rule: GuidelineRule, answer: str) -> str:
    words = len(answer.split())
    if rule.most_words and words > rule.most_words:
        return f"{words} words, at most {rule.most_words}"
    sentences = len(re.findall(r"[.!?]+(?=\s|$)", answer)) or bool(answer)
    if rule.most_sentences and sentences > rule.most_sentences:
        return f"{sentences} sentences, at most {rule.most_sentences}"
    return ""


def make_guideline(rules: tuple[GuidelineRule, ...]) -> Callable[..., Marked | Unscored]:
    """A metric function: the share of the rules that apply to a row which the answer keeps.

    Args:
        rules: Of the guideline.
    """

    def guideline(output: str, example: Example, *, task: TaskSpec) -> Marked | Unscored:
        used = applying(rules, example)
        if not used:
            return Unscored(reason="no rule applies to this row")
        faults = [f"{r.rule}: {why}" for r in used if (why := broken(r, output))]
        return Marked(value=1 - len(faults) / len(used), reason="; ".join(faults))

    return guideline


def applying(rules: tuple[GuidelineRule, ...], example: Example) -> list[GuidelineRule]:
    """The rules that apply to a row."""
    return [
        r for r in rules if not r.when or finder(r.when).search(example.input[:LONGEST_MATCHED])
    ]


def has_rules(rules: tuple[GuidelineRule, ...]) -> Callable[[Example], str]:
    """Why a row cannot be measured: none of the rules applies to it."""

    def applies(example: Example) -> str:
        return "" if applying(rules, example) else "no rule applies to this row"

    return applies
