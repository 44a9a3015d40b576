"""The two scales on which people rate, and what counts as low and as far apart on each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from tunewell.task import RubricCriterion


@dataclass(frozen=True)
class RatingScale:
    """A scale of the rubric.

    Attributes:
        low: Lowest value.
        high: Highest value.
        level: Of measurement, for the agreement of raters.
        low_rating: An output is rated low if the mean of its ratings is at most this.
        far_apart: Two ratings are far apart if they differ by more than this.
    """

    low: float
    high: float
    level: Literal["nominal", "ordinal"]
    low_rating: float
    far_apart: float


SCALES: Final[Mapping[str, RatingScale]] = {
    # Low: mostly no.
    "yes/no": RatingScale(
        low=0,
        high=1,
        level="nominal",
        low_rating=0.49,
        far_apart=0.5,
    ),
    # Low: at most 2 of 5.
    "1-5": RatingScale(
        low=1,
        high=5,
        level="ordinal",
        low_rating=2,
        far_apart=1,
    ),
}


def scale_of(criterion: RubricCriterion) -> RatingScale:
    """The scale of a criterion."""
    return SCALES[criterion.scale]
