"""Decision tables: eligibility rules of a facts file, and the cases that tell their rules apart."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Any

from pydantic import Field, field_validator

from tunewell.types import Value

_NUMBER = r"-?\d+(?:\.\d+)?"
_CONDITION = re.compile(
    rf"(?P<comparison><=|>=|<|>|=)\s*(?P<limit>{_NUMBER})"
    rf"|(?P<low>{_NUMBER})\s*\.\.\s*(?P<high>{_NUMBER})"
)
_COMPARISONS = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_ANYTHING_ELSE = "other"
MOST_CASES = 2000


def condition_holds(condition: str, value: str) -> bool:
    """Whether a value meets a condition.

    Example:
        >>> [condition_holds(c, "3") for c in (">= 3", "< 3", "1..3", "2|3", "4")]
        [True, False, True, True, False]
    """
    match = _CONDITION.fullmatch(condition.strip())
    if match is None:
        alternatives = map(str.casefold, _alternatives(condition))
        return value.strip().casefold() in alternatives

    number = _number(value)
    if match["comparison"]:
        compare = _COMPARISONS[match["comparison"]]
        return bool(compare(number, float(match["limit"])))
    return float(match["low"]) <= number <= float(match["high"])


def _number(value: str) -> float:
    """What is no number meets no condition on numbers: nothing compares with NaN."""
    try:
        return float(value)
    except ValueError:
        return math.nan


def _alternatives(condition: str) -> list[str]:
    return [part.strip() for part in condition.split("|")]


def _is_numeric(condition: str) -> bool:
    return _CONDITION.fullmatch(condition.strip()) is not None


def _telling_values(condition: str) -> set[str]:
    """Every alternative; of numbers each limit and what lies just under and just over it."""
    match = _CONDITION.fullmatch(condition.strip())
    if match is None:
        return set(_alternatives(condition))

    values: set[str] = set()
    limits = (match["limit"], match["low"], match["high"])
    for limit in filter(None, limits):
        step = 0.01 if "." in limit else 1
        number = float(limit)
        near = (number - step, number, number + step)
        values |= {f"{value:.10g}" for value in near}
    return values


class DecisionRule(Value):
    """One line of a decision table: the first whose conditions all hold decides.

    Attributes:
        when: Input to condition: ``<= 1500``, ``>= 3``, ``1..2``, ``yes``, ``north|south``. Inputs
            not named may be anything.
        then: The outcome, as an answer would say it.
    """

    when: Mapping[str, str]
    then: str = Field(min_length=1)

    @field_validator("when", mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: _plain(condition) for name, condition in value.items()}

    def holds(self, case: Mapping[str, str]) -> bool:
        """Whether all conditions hold for a case."""
        for name, condition in self.when.items():
            if not condition_holds(condition, case.get(name, "")):
                return False
        return True


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


class DecisionTable(Value):
    """A decision table.

    Attributes:
        name: Of the decision.
        ask: The question that a case puts, with its inputs in braces.
        rules: In order; the first that holds decides.
    """

    name: str = Field(min_length=1)
    ask: str = ""
    rules: tuple[DecisionRule, ...] = Field(min_length=1)

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Every outcome, once."""
        return tuple(dict.fromkeys(rule.then for rule in self.rules))

    def decide(self, case: Mapping[str, str]) -> str:
        """The outcome for a case; empty where no rule holds (a gap in the table)."""
        for rule in self.rules:
            if rule.holds(case):
                return rule.then
        return ""

    def question(self, case: Mapping[str, str]) -> str:
        """The question that a case puts."""

        def filled(match: re.Match[str]) -> str:
            return case.get(match[1], match[0])

        return re.sub(r"\{(\w+)\}", filled, self.ask)

    def cases(self) -> Iterator[dict[str, str]]:
        """Cases that tell the rules apart: every input at, just under and just over its limits.

        Example:
            >>> rules = ({"when": {"age": ">= 18"}, "then": "may"}, {"when": {}, "then": "may not"})
            >>> table = DecisionTable.model_validate({"name": "vote", "rules": rules})
            >>> [(c["age"], table.decide(c)) for c in table.cases()]
            [('17', 'may not'), ('18', 'may'), ('19', 'may')]
        """
        inputs: dict[str, None] = {}
        for rule in self.rules:
            inputs |= dict.fromkeys(rule.when)

        combinations = product(*map(self._telling_values, inputs))
        for combination in islice(combinations, MOST_CASES):
            yield dict(zip(inputs, combination, strict=True))

    def _telling_values(self, name: str) -> list[str]:
        """The values of an input for which rules differ, numbers first."""
        conditions = [rule.when[name] for rule in self.rules if name in rule.when]
        values: set[str] = set()
        for condition in conditions:
            values |= _telling_values(condition)
        if not any(map(_is_numeric, conditions)):
            values.add(_ANYTHING_ELSE)
        return sorted(values, key=_order)

    def first_gap(self) -> dict[str, str] | None:
        """A case that no rule decides; None if there is none."""
        for case in self.cases():
            if not self.decide(case):
                return case
        return None


def _order(value: str) -> tuple[float, str]:
    """Numbers by their size, then words as they come."""
    number = _number(value)
    if math.isnan(number):
        return math.inf, value
    return number, ""
