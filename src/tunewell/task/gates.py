"""What a model must reach to be released."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from tunewell.types import Value


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
    """

    metric: str
    kind: Literal["level", "gain", "no_worse"] = "gain"
    at_least: float | None = None
    at_most: float | None = None
    margin: float = Field(default=0.0, ge=0)
    against: Literal["base", "prompted", "production"] = "prompted"
    slices: str = ""
    people: Literal["required", "not needed"] = "not needed"

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if self.kind == "no_worse":
            return self
        given = [limit for limit in (self.at_least, self.at_most) if limit is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of at_least and at_most")
        return self
