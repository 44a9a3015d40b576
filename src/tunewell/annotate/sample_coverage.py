"""How well a sample stands for the rows it was drawn from, beside random samples of its size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tunewell.people.sample import SampleCandidate
from tunewell.people.work import Coverage
from tunewell.types import Estimate

DRAWS = 200
ALL_ALIKE: Mapping[str, float] = MappingProxyType({})

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _SliceValues:
    """Which slice values each row has, as numbers, so that many samples are counted quickly.

    Attributes:
        codes: Number of each row's value of each slice, shape (rows, slices).
        named: Which numbers are values, shape (numbers,); the others stand for no value.
    """

    codes: NDArray[np.int64]
    named: NDArray[np.bool_]

    @classmethod
    def of(cls, rows: Sequence[SampleCandidate]) -> _SliceValues:
        columns = list(zip_longest(*(row.strata for row in rows), fillvalue=""))
        codes = np.zeros((len(rows), len(columns)), np.int64)
        named: list[bool] = []
        for place, column in enumerate(columns):
            values = sorted(set(column))
            number = {value: len(named) + n for n, value in enumerate(values)}
            codes[:, place] = [number[value] for value in column]
            named += map(bool, values)
        return cls(codes, np.array(named, np.bool_))

    @property
    def count(self) -> int:
        """How many values of the slices there are in all."""
        return int(self.named.sum())

    def shares(self, rows: NDArray[np.int64], weights: Floats) -> Floats:
        """Share of each value among these rows, each row counted with its weight."""
        _, slices = self.codes.shape
        totals = np.bincount(
            self.codes[rows].ravel(),
            np.repeat(weights, slices),
            minlength=self.named.size,
        )
        return np.asarray(totals[self.named] / weights.sum())

    def of_random_samples(
        self,
        size: int,
        *,
        draws: int,
        seed: int,
    ) -> Floats:
        """Shares in as many random samples of one size, shape (draws, values)."""
        luck = np.random.default_rng([seed, 7])
        rows, _ = self.codes.shape
        weights = np.ones(size)
        shares = np.empty((draws, self.count))
        for draw in range(draws):
            sample = luck.choice(rows, size, replace=False)
            shares[draw] = self.shares(sample, weights)
        return shares


def coverage(
    rows: Sequence[SampleCandidate],
    chosen: Sequence[str],
    *,
    probabilities: Mapping[str, float] = ALL_ALIKE,
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
    if not chosen or values.count == 0:
        return None

    position = {row.id: n for n, row in enumerate(rows)}
    known = [name for name in chosen if name in position]
    sample = np.array([position[name] for name in known], np.int64)
    chances = np.array([probabilities.get(name, 1.0) for name in known])

    truth = values.shares(np.arange(len(rows)), np.ones(len(rows)))
    own = values.shares(sample, 1 / chances)
    others = values.of_random_samples(len(known), draws=draws, seed=seed)

    return Coverage(
        rows=len(known),
        groups=values.count,
        covered=int(_covered(own)),
        random=_middle(_covered(others), len(known)),
        error=float(_error(own, truth)),
        error_random=_middle(_error(others, truth), len(known)),
    )


def _covered(shares: Floats) -> Floats:
    """How many values a sample holds; for several samples, one a row, of each."""
    return np.asarray((shares > 0).sum(axis=-1), np.float64)


def _error(shares: Floats, truth: Floats) -> Floats:
    """Root of the mean squared difference; for several samples, one a row, of each."""
    squared = (shares - truth) ** 2
    return np.asarray(np.sqrt(squared.mean(axis=-1)))


def _middle(values: Floats, n: int) -> Estimate:
    """Mean over random samples, with the middle 95 % of them."""
    low, high = np.quantile(values, [0.025, 0.975])
    value = float(values.mean())
    return Estimate(
        value=value,
        low=min(float(low), value),
        high=max(float(high), value),
        n=n,
        method=f"{values.size} random samples of the same size",
    )
