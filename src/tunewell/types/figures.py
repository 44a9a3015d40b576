"""A figure with its uncertainty, or the reason why there is none."""

from __future__ import annotations

import math
from typing import Self

from pydantic import Field, model_validator

from tunewell.types.values import Value


class Estimate(Value):
    """A figure with its uncertainty. Any figure that leaves Tunewell is one.

    Attributes:
        value: The point estimate.
        low: Lower end of the interval (may be ``-inf``).
        high: Upper end of the interval (may be ``inf``).
        level: Probability that the interval covers the truth, in (0, 1).
        n: How many independent units it rests on.
        method: How it was made, in a few words.
        unit: What it counts (``nats/token``, ``share``, ``rows``); empty for a bare number.

    Example:
        >>> str(Estimate(value=0.82, low=0.78, high=0.86, n=400, method="Wilson"))
        '0.82 [0.78, 0.86]'
    """

    value: float
    low: float
    high: float
    level: float = Field(default=0.95, gt=0, lt=1)
    n: int = Field(ge=0)
    method: str
    unit: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if any(math.isnan(x) for x in (self.value, self.low, self.high)):
            raise ValueError("an Estimate is never NaN; use Unscored(reason)")
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"

    @classmethod
    def exact(cls, value: float, *, n: int, unit: str = "rows") -> Estimate:
        """A plain count or any figure without uncertainty: low = high = value."""
        return cls(value=value, low=value, high=value, n=n, method="count", unit=unit)


class Unscored(Value):
    """Why there is no score. Never NaN, never dropped: it widens the interval."""

    reason: str
