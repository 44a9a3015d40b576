"""Currency (E08): the share of the values in an answer that are right at the question's date."""

from __future__ import annotations

import datetime as dt

from tunewell.metrics.base import Marked, MarkedPlace, Metric
from tunewell.metrics.fact_check import Statement, statements
from tunewell.metrics.facts import facts_of
from tunewell.metrics.registry import MetricSetting, built_in_with
from tunewell.task import TaskSpec
from tunewell.types import Example, MetricInfo, Unscored, Value

_NO_DATE = "the question has no date"


class CurrencyOptions(Value):
    """Options of ``currency``.

    Attributes:
        facts: The facts file, beside tunewell.yaml (YAML or CSV).
        date: Field of the row with the question's date; the row's own date if empty.
    """

    facts: str = "facts.yaml"
    date: str = ""


def question_day(example: Example, field: str) -> dt.date | None:
    """The date of a question: a field of the row, else the row's own date."""
    if field:
        try:
            return dt.date.fromisoformat(example.field(field)[:10])
        except ValueError:
            return None
    return example.date


@built_in_with(
    MetricInfo(
        name="currency",
        title="facts right at the date",
        own=True,
    ),
    CurrencyOptions,
)
def currency(options: CurrencyOptions, setting: MetricSetting) -> Metric:
    """Share of the answer's values that are right at the question's date.

    Only values of something that the facts file knows count.
    """
    facts, version = facts_of(setting, options.facts)

    def share_right(output: str, example: Example, *, task: TaskSpec) -> Marked | Unscored:
        day = question_day(example, options.date)
        if day is None:
            return Unscored(reason=_NO_DATE)
        found = statements(
            output, facts, day=day, question=example.input, language=task.task.language
        )
        listed = [statement for statement in found if statement.standing != "unlisted"]
        if not listed:
            return Marked(value=1.0, reason="no listed value is stated")

        bad = [statement for statement in listed if statement.standing != "right"]
        return Marked(
            value=1 - len(bad) / len(listed),
            reason="; ".join(_told(statement, day) for statement in bad),
            spans=tuple(map(_place, bad)),
        )

    def applies(example: Example) -> str:
        return "" if question_day(example, options.date) else _NO_DATE

    return Metric(
        info=setting.info,
        function=share_right,
        version=version,
        applies=applies,
    )


def _told(statement: Statement, day: dt.date) -> str:
    topic = f"{statement.entity}, {statement.attribute}"
    right = statement.expected or "nothing"
    return f"{topic}: {statement.said} is {statement.standing}, {right} holds on {day}"


def _place(statement: Statement) -> MarkedPlace:
    return {
        "start": statement.start,
        "end": statement.end,
        "type": statement.standing,
        "text": statement.said,
    }
