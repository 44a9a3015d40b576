"""What decisions weigh, and how far the loop goes by itself."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from tunewell.types import Value


class DecideSection(Value):
    """What `tunewell decide` weighs, and how far `tunewell iterate` goes by itself.

    Prices are in ``costs``: ``wrong_answer``, ``retraining``, ``label``.

    Attributes:
        place: Where the version serves that is decided on.
        answers_per_day: Given in use; 0 = counted from the traffic of the last four weeks.
        horizon_days: How far ahead the cost of waiting is weighed against that of retraining.
        cadence_days: The longest that a version may serve, whatever is measured; 0 = no bound.
        fewest_days: Days that a version serves at the least.
        fewest_rows: New rows and corrections without which there is nothing to retrain on.
        most_risk: Largest probability that a retraining does not pay for which one is advised.
        recovers: Share of the decay that a retraining is expected to put right.
        rows_from_use: ``corrected``: `tunewell iterate` takes up interactions whose answer somebody
            corrected. ``none``: it takes none.
        promote: ``earned``: `tunewell iterate` promotes a version that has its GO and every
            signature that the project asks for. ``never``: it leaves that to people.
    """

    place: str = Field(default="production", min_length=1, max_length=100)
    answers_per_day: float = Field(default=0.0, ge=0)
    horizon_days: float = Field(default=365.0, gt=0, le=3_650)
    cadence_days: float = Field(default=0.0, ge=0, le=3_650)
    fewest_days: float = Field(default=0.0, ge=0, le=3_650)
    fewest_rows: int = Field(default=20, ge=1)
    most_risk: float = Field(default=0.05, gt=0, lt=1)
    recovers: float = Field(default=1.0, gt=0, le=1)
    rows_from_use: Literal["corrected", "none"] = "corrected"
    promote: Literal["earned", "never"] = "earned"

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.cadence_days and self.fewest_days > self.cadence_days:
            raise ValueError("fewest_days is above cadence_days")
        return self
