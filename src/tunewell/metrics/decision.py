"""Decisions (E08): whether an answer gives the outcome that the row's decision table gives."""

from __future__ import annotations

from tunewell.metrics.base import Marked, Metric
from tunewell.metrics.decision_table import DecisionTable
from tunewell.metrics.facts import facts_of
from tunewell.metrics.normalise import normalise
from tunewell.metrics.registry import MetricSetting, built_in_with
from tunewell.task import TaskSpec
from tunewell.types import Example, MetricInfo, Unscored, Value

_NO_TABLE = "the row names no decision table"


class DecisionOptions(Value):
    """Options of ``decision``.

    Attributes:
        facts: The facts file with the decision tables.
    """

    facts: str = "facts.yaml"


@built_in_with(
    MetricInfo(
        name="decision",
        title="decisions as the table says",
        own=True,
        validated=True,
    ),
    DecisionOptions,
)
def decision(options: DecisionOptions, setting: MetricSetting) -> Metric:
    """1 if the answer gives the outcome of the row's decision table, and no other.

    A row names its table in ``tags.decision`` and its inputs in tags of their own names.
    """
    facts, version = facts_of(setting, options.facts)
    tables = {table.name: table for table in facts.decisions}
    if not tables:
        raise ValueError(f"{options.facts} holds no decision tables")

    def as_the_table_says(output: str, example: Example, *, task: TaskSpec) -> Marked | Unscored:
        table = tables.get(example.field("decision"))
        if table is None:
            return Unscored(reason=_NO_TABLE)
        wanted = table.decide(example.tags)
        if not wanted:
            return Unscored(reason=f"{table.name}: no rule decides this case")

        said = _outcomes_in(output, table, task.task.language)
        if said == [wanted]:
            return Marked(value=1.0)
        shown = " and ".join(said) or "no outcome"
        return Marked(value=0.0, reason=f"{table.name}: {shown} instead of {wanted}")

    def applies(example: Example) -> str:
        return "" if example.field("decision") in tables else _NO_TABLE

    return Metric(
        info=setting.info,
        function=as_the_table_says,
        version=version,
        applies=applies,
    )


def _outcomes_in(output: str, table: DecisionTable, language: str) -> list[str]:
    """Which outcomes an answer gives."""
    normal = f" {normalise(output, language)} "
    outcomes = {outcome: normalise(outcome, language) for outcome in table.outcomes}

    # The longest first, each taken out of the text: "not entitled" is no "entitled".
    said = []
    for outcome in sorted(outcomes, key=lambda outcome: -len(outcomes[outcome])):
        words = f" {outcomes[outcome]} "
        if words in normal:
            said.append(outcome)
            normal = normal.replace(words, " ¦ ")
    return said
