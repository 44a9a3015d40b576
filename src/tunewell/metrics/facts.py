"""The project's facts: what is true of which entity from when until when, and decision tables.

```yaml
# facts.yaml
facts:
  - {entity: Green tariff, attribute: price per kWh, value: 31.2 ct, to: 2025-12-31,
     also: [eco tariff]}
  - {entity: Green tariff, attribute: price per kWh, value: 29.8 ct, from: 2026-01-01}
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

import csv
import datetime as dt
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from tunewell.errors import UserError
from tunewell.metrics.decision_table import DecisionTable
from tunewell.metrics.registry import MetricSetting
from tunewell.task import TaskFile
from tunewell.types import Value


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
        if isinstance(value, int | float | dt.date):
            return str(value)
        return value

    @model_validator(mode="after")
    def _in_order(self) -> Fact:
        if self.start and self.end and self.end < self.start:
            raise ValueError(f"'to' {self.end} is before 'from' {self.start}")
        return self

    def holds(self, day: dt.date) -> bool:
        """Whether it is so on a day."""
        return self.first_day <= day <= self.last_day

    @property
    def first_day(self) -> dt.date:
        """The start; the first day of all if it always was."""
        return self.start or dt.date.min

    @property
    def last_day(self) -> dt.date:
        """The end; the last day of all if it has none."""
        return self.end or dt.date.max


class Facts(Value):
    """Everything in a facts file."""

    facts: tuple[Fact, ...] = ()
    decisions: tuple[DecisionTable, ...] = ()

    @cached_property
    def topics(self) -> Mapping[tuple[str, str], tuple[Fact, ...]]:
        """(entity, attribute) to its versions, oldest first."""
        found: dict[tuple[str, str], list[Fact]] = {}
        for fact in self.facts:
            topic = (fact.entity, fact.attribute)
            found.setdefault(topic, []).append(fact)
        return {topic: _oldest_first(versions) for topic, versions in found.items()}

    def faults(self) -> list[str]:
        """What does not hold together: two values at one time, gaps in a table."""
        return [*self._doubled_facts(), *self._gaps()]

    def _doubled_facts(self) -> Iterator[str]:
        for (entity, attribute), versions in self.topics.items():
            for older, newer in pairwise(versions):
                if newer.first_day <= older.last_day:
                    values = f"{older.value!r} and {newer.value!r}"
                    yield f"{entity}, {attribute}: {values} hold at the same time"

    def _gaps(self) -> Iterator[str]:
        for table in self.decisions:
            gap = table.first_gap()
            if gap is None:
                continue
            case = ", ".join(f"{name} = {value}" for name, value in gap.items())
            yield (
                f"decision {table.name!r}: no rule for {case}; end it with {{when: {{}}, then: …}}"
            )


def _oldest_first(versions: list[Fact]) -> tuple[Fact, ...]:
    return tuple(sorted(versions, key=lambda fact: fact.first_day))


def read_facts(path: Path) -> Facts:
    """Read a facts file: YAML as above, or CSV with the columns entity, attribute, value, from, to.

    Raises:
        UserError: It is missing or does not hold together, all faults together.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"the facts file {path.name} cannot be read: {error}", hint=f"write {path}"
        ) from error
    found = _parsed(text, path)
    faults = found.faults()
    if faults:
        raise UserError(
            "; ".join(faults),
            place=path.name,
            hint="close the older one with `to:`",
        )
    return found


def _parsed(text: str, path: Path) -> Facts:
    is_csv = path.suffix.lower() == ".csv"
    try:
        values = _csv(text) if is_csv else yaml.safe_load(text)
        return TypeAdapter(Facts).validate_python(values or {})
    except yaml.YAMLError as error:
        raise UserError(f"not YAML: {str(error).splitlines()[0]}", place=path.name) from error
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise UserError("; ".join(faults), place=path.name) from error


def _csv(text: str) -> dict[str, Sequence[dict[str, str]]]:
    rows = []
    for row in csv.DictReader(io.StringIO(text)):
        rows.append({key: value for key, value in row.items() if value})
    return {"facts": rows}


def facts_file(file: TaskFile) -> Path | None:
    """The project's facts file: ``rules.facts``, else the one of the metric ``currency``.

    Raises:
        UserError: It lies outside the project.
    """
    options = [metric.options for metric in file.spec.metrics if metric.name == "currency"]
    of_metric = options[0].get("facts", "") if options else ""
    name = file.spec.rules.facts or str(of_metric)
    if not name:
        return None
    path = (file.root / name).resolve()
    if not path.is_relative_to(file.root.resolve()):
        raise UserError(
            f"the facts file must be inside the project folder; got {name!r}",
            place=file.where("rules.facts"),
            hint="rules: {facts: facts.yaml}",
        )
    return path


def facts_of(setting: MetricSetting, name: str) -> tuple[Facts, str]:
    """The facts that a metric of the project is made from, and the metric's version.

    What the file says decides the scores, so its digest is in the version.

    Raises:
        ValueError: The file is outside the project's folder.
        UserError: It cannot be used, see `read_facts`.
    """
    root = setting.file.root
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()):
        raise ValueError(f"the facts file must be inside the project folder; got {name!r}")
    facts = read_facts(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return facts, f"1+{digest[:12]}"
