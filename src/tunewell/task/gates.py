"""What a model must reach to be released."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from tunewell.types import REAL_TIME_FACTOR, Value
from tunewell.types.speeds import FOR_INFORMATION


class Gate(Value):
    """One condition for release.

    Attributes:
        metric: Name of a metric of ``metrics``, or a criterion of ``review``.
        kind: ``level`` (the tuned model's own value), ``gain`` (difference to ``against``),
            ``no_worse`` (difference to ``against`` not below minus ``margin``).
        at_least: Threshold where bigger is better.
        at_most: Threshold where smaller is better.
        margin: Of ``no_worse``, in the metric's unit.
        against: Which arm to compare with.
        slices: Also on every value of this slice field, corrected for their number.
        people: ``required`` = INCONCLUSIVE until people have spoken.
        compare: In the place of a metric, the name of a blind comparison (``tunewell compare``)
            whose candidate is preferred by a share of ``at_least``.
        criterion: What the comparison decides.
        experiment: In the place of a metric, the name of a test on traffic (``tunewell
            experiment``) that was closed with GO.
    """

    metric: str = ""
    kind: Literal["level", "gain", "no_worse"] = "gain"
    at_least: float | None = None
    at_most: float | None = None
    margin: float = Field(default=0.0, ge=0)
    against: Literal["base", "prompted", "production"] = "prompted"
    slices: str = ""
    people: Literal["required", "not needed"] = "not needed"
    compare: str = ""
    criterion: Literal["preference"] = "preference"
    experiment: str = ""

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        if sum(map(bool, (self.metric, self.compare, self.experiment))) != 1:
            raise ValueError("give exactly one of metric, compare and experiment")
        if self.experiment and (self.slices or self.at_least is not None):
            raise ValueError("a gate on an experiment has its margin and slices in the design")
        if self.compare and self.at_least is None:
            raise ValueError("a gate on a comparison needs at_least, such as 0.5")
        if self.compare and self.slices:
            raise ValueError("a gate on a comparison has no slices")
        return self

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if self.kind == "no_worse" or self.experiment:
            return self
        given = [limit for limit in (self.at_least, self.at_most) if limit is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of at_least and at_most")
        return self


def gate_faults(values: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """Which gates name a metric or a slice that is not there, and why.

    Reads the values as they were given, so that these faults are reported beside those of any
    field.
    """
    metrics = _names(values, "metrics", "name")
    criteria = _names(values.get("people"), "rubric", "name")
    known = sorted({*metrics, *criteria, "nats"})
    slices = _names(values, "slices", "field")
    for number, gate in enumerate(_listed(values, "gates")):
        metric = gate.get("metric")
        if metric == REAL_TIME_FACTOR and metric not in known:
            yield number, FOR_INFORMATION
        elif isinstance(metric, str) and metric and metric not in known:
            yield number, f"no metric or criterion {metric!r}; known: {', '.join(known)}."
        field_name = gate.get("slices")
        if isinstance(field_name, str) and field_name not in {"", *slices}:
            shown = ", ".join(slices) or "none"
            yield number, f"{field_name!r} is not among the slices ({shown})."


def _names(values: object, section: str, key: str) -> list[str]:
    return [str(item[key]) for item in _listed(values, section) if key in item]


def _listed(values: object, section: str) -> list[Mapping[str, Any]]:
    """The mappings of a section as they were given; nothing where it is no list."""
    items = values.get(section) if isinstance(values, dict) else None
    if not isinstance(items, list):
        return []
    return [item if isinstance(item, dict) else {} for item in items]
