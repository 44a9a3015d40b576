"""The project's facts: what is true of which entity from when until when, and eligibility rules as decision tables.

```yaml
# facts.yaml
facts: - {entity: Green tariff, attribute: price per kWh, value: 31.2 ct, to: 2025-12-31, also: [eco
  tariff]} - {entity: Green tariff, attribute: price per kWh, value: 29.8 ct, from: 2026-01-01}
decisions:
  - name: hardship grant
    ask: "Is a household of {people} with {income} EUR a month entitled to the hardship grant?"
    rules:
      - {when: {people: ">= 3", income: "<= 2400"}, then: entitled}
      - {when: {people: "1..2", income: "<= 1500"}, then: entitled}
      - {when: {}, then: not entitled}
```
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from tunewell.errors import UserError
from tunewell.types import Value

_CONDITION = re.compile(
    r"(<=|>=|<|>|=)\s*(-?\d+(?:\.\d+)?)|(-?\d+(?:\.\d+)?)\s*\.\.\s*(-?\d+(?:\.\d+)?)"
)
MOST_CASES = 2000


class Fact(Value):
    """One thing that is so for a time.

    Attributes:
        entity: What it is about.
        attribute: Which property.
        value: The property's value, as people would write it.
        start: First day (key ``from``); None = always was.
        end: Last day (key ``to``); None = until further notice.
        also: Other names of the entity.
        called: Other names of the attribute.
    """

    entity: str = Field(min_length=1)
    attribute: str = Field(min_length=1)
    value: str = Field(min_length=1)
    start: dt.date | None = Field(default=None, alias="from")
    end: dt.date | None = Field(default=None, alias="to")
    also: tuple[str, ...] = ()
    called: tuple[str, ...] = ()

    @field_validator("value", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int | float | dt.date) else value

    @model_validator(mode="after")
    def _in_order(self) -> Fact:
        if self.start and self.end and self.end < self.start:
            raise ValueError(f"'to' {self.end} is before 'from' {self.start}")
        return self

    def holds(self, day: dt.date) -> bool:
        """Whether it is so on a day."""
        return (self.start is None or self.start <= day) and (self.end is None or day <= self.end)


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
        return {k: _plain(v) for k, v in value.items()} if isinstance(value, dict) else value

    def holds(self, case: Mapping[str, str]) -> bool:
        """Whether all conditions hold for a case."""
        return all(condition_holds(c, case.get(name, "")) for name, c in self.when.items())


def _plain(value: Any) -> str:
    return (
        {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    )


def condition_holds(condition: str, value: str) -> bool:
    """Whether a value meets a condition.

    Example:
        >>> [condition_holds(c, "3") for c in (">= 3", "< 3", "1..3", "2|3", "4")]
        [True, False, True, True, False]
    """
    match = _CONDITION.fullmatch(condition.strip())
    if match is None:
        return value.strip().casefold() in {
            part.strip().casefold() for part in condition.split("|")
        }
    try:
        number = float(value)
    except ValueError:
        return False
    if match[1]:
        limit = float(match[2])
        return {
            "<=": number <= limit,
            ">=": number >= limit,
            "<": number < limit,
            ">": number > limit,
        }.get(match[1], number == limit)
    return float(match[3]) <= number <= float(match[4])


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
        return tuple(dict.fromkeys(r.then for r in self.rules))

    def decide(self, case: Mapping[str, str]) -> str:
        """The outcome for a case; empty where no rule holds (a gap in the table)."""
        return next((r.then for r in self.rules if r.holds(case)), "")

    def question(self, case: Mapping[str, str]) -> str:
        """The question that a case puts."""
        return re.sub(r"\{(\w+)\}", lambda m: case.get(m[1], m[0]), self.ask)

    def cases(self) -> Iterator[dict[str, str]]:
        """Cases that tell the rules apart: every input at, just under and just over each of its limits.

        Example:
            >>> rules = ({"when": {"age": ">= 18"}, "then": "may"}, {"when": {}, "then": "may not"})
            >>> table = Decision.model_validate({"name": "vote", "rules": rules})
            >>> [(c["age"], table.decide(c)) for c in table.cases()]
            [('17', 'may not'), ('18', 'may'), ('19', 'may')]
        """
        inputs = dict.fromkeys(name for r in self.rules for name in r.when)
        values = [sorted(self._values(name), key=_numeric) for name in inputs]
        for count, combination in enumerate(product(*values)):
            if count >= MOST_CASES:
                return
            yield dict(zip(inputs, combination, strict=True))

    def _values(self, name: str) -> set[str]:
        out: set[str] = set()
        for condition in (r.when[name] for r in self.rules if name in r.when):
            match = _CONDITION.fullmatch(condition.strip())
            if match is None:
                out |= {part.strip() for part in condition.split("|")}
                continue
            for limit in (g for g in (match[2], match[3], match[4]) if g is not None):
                step = 0.01 if "." in limit else 1
                out |= {f"{float(limit) + d * step:.10g}" for d in (-1, 0, 1)}
        if all(
            _CONDITION.fullmatch(r.when[name].strip()) is None for r in self.rules if name in r.when
        ):
            out.add("other")
        return out

    def gaps(self) -> list[dict[str, str]]:
        """Cases that no rule decides."""
        return [c for c in self.cases() if not self.decide(c)]


def _numeric(text: str) -> tuple[float, str]:
    try:
        return float(text), ""
    except ValueError:
        return float("inf"), text


class Facts(Value):
    """Everything in a facts file."""

    facts: tuple[Fact, ...] = ()
    decisions: tuple[DecisionTable, ...] = ()

    @cached_property
    def topics(self) -> Mapping[tuple[str, str], tuple[Fact, ...]]:
        """(entity, attribute) to its versions, oldest first."""
        out: dict[tuple[str, str], list[Fact]] = {}
        for fact in self.facts:
            out.setdefault((fact.entity, fact.attribute), []).append(fact)
        oldest = dt.date.min
        return {k: tuple(sorted(v, key=lambda f: f.start or oldest)) for k, v in out.items()}

    def faults(self) -> list[str]:
        """What does not hold together: two values at one time, gaps in a table."""
        out = []
        for (entity, attribute), versions in self.topics.items():
            for a, b in pairwise(versions):
                if a.end is None or (b.start is not None and b.start <= a.end) or b.start is None:
                    out.append(
                        f"{entity}, {attribute}: {a.value!r} and {b.value!r} hold at the same time"
                    )
        for table in self.decisions:
            for gap in table.gaps()[:1]:
                shown = ", ".join(f"{k} = {v}" for k, v in gap.items())
                out.append(
                    f"decision {table.name!r}: no rule for {shown}; end it with {{when: {{}}, then: …}}"
                )
        return out


def read_facts(path: Path) -> Facts:
    """Read a facts file (YAML as above, or CSV with the columns entity, attribute, value, from, to).

    Raises:
        UserError: It is missing or does not hold together, all faults together.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"the facts file {path.name} cannot be read: {error}", hint=f"write {path}"
        ) from error
    try:
        values = _csv(text) if path.suffix.lower() == ".csv" else yaml.safe_load(text)
        found = TypeAdapter(Facts).validate_python(values or {})
    except yaml.YAMLError as error:
        raise UserError(f"not YAML: {str(error).splitlines()[0]}", place=path.name) from error
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise UserError("; ".join(faults), place=path.name) from error
    faults = found.faults()
    if faults:
        raise UserError("; ".join(faults), place=path.name, hint="close the older one with `to:`")
    return found


def _csv(text: str) -> dict[str, Sequence[dict[str, str]]]:
    import csv
    import io

    rows = csv.DictReader(io.StringIO(text))
    return {"facts": [{k: v for k, v in row.items() if v} for row in rows]}
