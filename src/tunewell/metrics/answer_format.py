"""The form of an answer: a pattern that it matches, a JSON Schema that it holds to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from tunewell.json_text import parse_json
from tunewell.metrics.base import Marked, Metric
from tunewell.metrics.patterns import LONGEST_MATCHED, PatternText
from tunewell.metrics.registry import MetricSetting, built_in_with
from tunewell.task import TaskSpec
from tunewell.timed_pattern import TimedPattern
from tunewell.types import Example, MetricInfo, Value

_FENCE = re.compile(r"^```(?:json)?\s*\n(.*?)\n?```$", re.DOTALL)


class FormatOptions(Value):
    """Options of ``format``.

    Attributes:
        pattern: Regular expression that the whole answer must match.
    """

    pattern: PatternText = Field(min_length=1)


class SchemaOptions(Value):
    """Options of ``schema``.

    Attributes:
        schema_: JSON Schema that the answer must hold to (key ``schema``).
    """

    schema_: Mapping[str, Any] = Field(alias="schema")


def without_fence(text: str) -> str:
    """A text without white space at its ends and, if it is one code block, without its fence.

    Example:
        >>> without_fence(chr(10).join(["```json", "{}", "```"]))
        '{}'
    """
    text = text.strip()
    fence = _FENCE.match(text)
    return fence[1] if fence else text


@built_in_with(
    MetricInfo(
        name="format",
        title="format kept",
        own=True,
        validated=True,
    ),
    FormatOptions,
)
def answer_format(options: FormatOptions, setting: MetricSetting) -> Metric:
    """1 if the whole answer matches the pattern."""
    pattern = TimedPattern(options.pattern)

    def matches(output: str, example: Example, *, task: TaskSpec) -> Marked:
        if pattern.fullmatch(output.strip()[:LONGEST_MATCHED]):
            return Marked(value=1.0)
        return Marked(value=0.0, reason=f"does not match {pattern.pattern!r}")

    return Metric(info=setting.info, function=matches)


@built_in_with(
    MetricInfo(
        name="schema",
        title="schema kept",
        own=True,
        validated=True,
    ),
    SchemaOptions,
)
def schema(options: SchemaOptions, setting: MetricSetting) -> Metric:
    """1 if the answer is JSON that holds to the schema."""
    from jsonschema.validators import validator_for
    from referencing import Registry

    wanted = dict(options.schema_)
    checker = validator_for(wanted)
    checker.check_schema(wanted)
    # An empty registry: no $ref is ever fetched.
    validator = checker(wanted, registry=Registry())

    def holds(output: str, example: Example, *, task: TaskSpec) -> Marked:
        try:
            value = parse_json(without_fence(output))
        except ValueError as error:
            return Marked(value=0.0, reason=f"not JSON: {str(error)[:120]}")

        fault = next(iter(validator.iter_errors(value)), None)
        if fault is None:
            return Marked(value=1.0)
        return Marked(value=0.0, reason=f"{fault.json_path}: {fault.message[:160]}")

    return Metric(info=setting.info, function=holds)
