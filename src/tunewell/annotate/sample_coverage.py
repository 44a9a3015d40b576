"""How well a sample stands for the rows it was drawn from, beside random samples of its size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewell.people.sample import SampleCandidate
from tunewell.people.work import Coverage
from tunewell.types import Estimate

DRAWS = 200

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _SliceValues:
    """Which slice values each row has, as numbers, so that many samples are counted quickly.

    Attributes:
        count: How many values of the slices there are in all.
        codes: Number of each row's value of each slice, shape (rows, slices); ``count`` where a row
            has no value.
    """

    count: int
    codes: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Sequence[SampleCandidate]) -> _SliceValues:
        values = [
            (row, place, value)
            for row, candidate in enumerate(rows)
            for place, value in enumerate(candidate.strata)
            if value
        ]
        names = sorted({(place, value) for _, place, value in values})
        number = {name: n for n, name in enumerate(names)}

        slices = max((len(r.strata) for r in rows), default=0)
        codes = np.full((len(rows), slices), len(names))
        for row, place, value in values:
            codes[row, place] = number[place, value]
        return cls(count=len(names), codes=codes)

    def shares(
        self,
        rows: NDArray[np.int64],
        weights: Floats,
    ) -> Floats:
        """Share of each value among these rows, each row counted with its weight."""
        _, slices = self.codes.shape
        totals = np.bincount(
            self.codes[rows].ravel(), np.repeat(weights, slices), minlength=self.count + 1
        )
        return np.asarray(totals[: self.count] / weights.sum())


def coverage(
    rows: Sequence[SampleCandidate],
    chosen: Sequence[str],
    *,
    probabilities: Mapping[str, float] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Coverage | None:
    """Compare a sample with random ones; None if the rows have no slices.

    Args:
        rows: What was drawn from.
        chosen: Ids of the sample.
        probabilities: With which they were drawn, where they differ.
        draws: How many random samples.
        seed: Of them.

    Example:
        >>> strata = [("rare" if i % 20 == 0 else "common",) for i in range(100)]
        >>> rows = [SampleCandidate(id=str(i), strata=s) for i, s in enumerate(strata)]
        >>> found = coverage(rows, [str(i) for i in range(0, 100, 10)])
        >>> found.groups, found.covered, found.random.value < 2
        (2, 2, True)
    """
    values = _SliceValues.of(rows)
    if not values.count or not chosen:
        return None

    position = {r.id: n for n, r in enumerate(rows)}
    known = [name for name in chosen if name in position]
    sample = np.array([position[name] for name in known], np.int64)
    chances = np.array([(probabilities or {}).get(name, 1.0) for name in known])

    truth = values.shares(np.arange(len(rows)), np.ones(len(rows)))
    own = values.shares(sample, 1 / chances)

    luck = np.random.default_rng([seed, 7])
    size = len(known)
    others = [
        values.shares(luck.choice(len(rows), size, replace=False), np.ones(size))
        for _ in range(draws)
    ]
    return Coverage(
        rows=size,
        groups=values.count,
        covered=int((own > 0).sum()),
        random=_middle([float((other > 0).sum()) for other in others], size),
        error=_error(own, truth),
        error_random=_middle([_error(other, truth) for other in others], size),
    )


def _error(shares: Floats, truth: Floats) -> float:
    """Root of the mean squared difference."""
    return float(np.sqrt(((shares - truth) ** 2).mean()))


def _middle(values: Sequence[float], n: int) -> Estimate:
    """Mean over random samples, with the middle 95 % of them."""
    low, high = np.quantile(values, [0.025, 0.975])
    value = float(np.mean(values))
    return Estimate(
        value=value,
        low=min(float(low), value),
        high=max(float(high), value),
        n=n,
        method=f"{len(values)} random samples of the same size",
    )
