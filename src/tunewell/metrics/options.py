"""The options of the built-in metrics, as tunewell.yaml gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from tunewell.types import Value


class NoOptions(Value):
    """None."""


class LabelOptions(Value):
    r"""Options of ``label``.

    Attributes:
        pattern: Regular expression whose first group is the label, such as ``^\[(.+?)\]``; empty =
            the whole answer.
        labels: Labels that exist; empty = any.
    """

    pattern: str = ""
    labels: tuple[str, ...] = ()

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        return _compiles(value)


class PointsOptions(Value):
    """Options of ``key_points``; at least one of them.

    Attributes:
        source: Field of the row that lists its points between bars (``from: tags.points``): ``14
            days | 84.20 EUR``. Other writings of one point stand between tildes: ``14 days ~ two
            weeks``.
        points: Points that every answer must contain.
    """

    source: str = Field(default="", alias="from")
    points: tuple[str, ...] = ()


class ConcisenessOptions(Value):
    """Options of ``conciseness``.

    Attributes:
        words: Target length; 0 = as long as the gold answer.
        slack: Share by which the target may be exceeded without loss.
    """

    words: int = Field(default=0, ge=0)
    slack: float = Field(default=0.1, ge=0)


class FormatOptions(Value):
    """Options of ``format``.

    Attributes:
        pattern: Regular expression that the whole answer must match.
    """

    pattern: str = Field(min_length=1)

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        return _compiles(value)


class SchemaOptions(Value):
    """Options of ``schema``.

    Attributes:
        schema_: JSON Schema that the answer must hold to (key ``schema``).
    """

    schema_: Mapping[str, Any] = Field(alias="schema")


class CurrencyOptions(Value):
    """Options of ``currency``.

    Attributes:
        facts: The facts file, beside tunewell.yaml (YAML or CSV).
        date: Field of the row with the question's date; the row's own date if empty.
    """

    facts: str = "facts.yaml"
    date: str = ""


class DecisionOptions(Value):
    """Options of ``decision``.

    Attributes:
        facts: The facts file with the decision tables.
    """

    facts: str = "facts.yaml"


class JudgeOptions(Value):
    """Options of ``judge``.

    A criterion of that name under ``people.rubric`` gives question and scale.

    Attributes:
        model: The judge: name of weights, or of a model behind ``url``.
        url: OpenAI-compatible server, such as ``http://localhost:8000/v1``; empty = on this
            machine.
        question: What is asked, if no rubric criterion has the metric's name.
        scale: ``yes/no`` or ``1-5``.
        repeats: How often each output is judged; the middle value counts.
    """

    model: str = Field(min_length=1)
    url: str = ""
    question: str = ""
    scale: Literal["yes/no", "1-5"] = "yes/no"
    repeats: int = Field(default=1, ge=1)


class OwnOptions(Value):
    """Options of the project's own metrics.

    Attributes:
        python: File inside the project's folder that defines the function, such as ``metrics.py``.
    """

    python: str = Field(min_length=1)


def _compiles(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a valid regular expression: {error}") from None
    return value
