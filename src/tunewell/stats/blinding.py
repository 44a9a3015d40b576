"""Whether raters could tell the arms apart: Bang's index of each arm and James' index of all."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.clustered import ClusterMean, cluster_mean, shared_variance
from tunewell.stats.inputs import Floats, Ints, codes, critical, share, vector
from tunewell.stats.proportions import paired_score
from tunewell.types import Estimate

CORRECT = 1.0
CANNOT_TELL = 0.0
WRONG = -1.0

_STEP = 1e-6
_ADDED = 4


def bang_index(
    guesses: ArrayLike,
    *,
    raters: Iterable[Hashable] | None = None,
    level: float = 0.95,
) -> Estimate:
    """How much more often the arm behind an answer was guessed than missed.

    Args:
        guesses: For answers of one arm, 1 where it was named, -1 where another arm was named, 0
            where the rater could not tell, shape (n,).
        raters: Who guessed, shape (n,); guesses of one rater are dependent.
        level: Probability of covering, in (0, 1).

    Returns:
        The index in [-1, 1]: 0 = no better than chance, 1 = the arm is always recognised, below 0
        = taken for the other one.

    Source:
        Bang, Ni & Davis 2004, Controlled Clinical Trials 25, section 2.2. The interval is Tango's
        score interval for the same difference; where raters guess several times, on as many guesses
        as a cluster-robust variance leaves (Bell & McCaffrey 2002), with Student's t.

    Example:
        >>> guesses = [1] * 82 + [-1] * 25 + [0] * 170
        >>> str(bang_index(guesses))
        '0.206 [0.136, 0.275]'
    """
    x = _guesses(guesses)
    share(level, "level")
    groups = codes(raters, x.size, "raters")
    clustered = cluster_mean(x, groups)
    value = clustered.value
    if clustered.units == x.size:
        named = float((x > 0).sum())
        missed = float((x < 0).sum())
        low, high = paired_score(named, missed, x.size, critical(level, clustered.df))
        ends, method = (float(low), float(high)), "Bang's index, Tango score"
    else:
        ends, method = _by_rater(x, clustered, level), "Bang's index, clustered by rater"
    return Estimate(
        value=value,
        low=min(ends[0], value),
        high=max(ends[1], value),
        level=level,
        n=clustered.units,
        method=method,
    )


def _by_rater(x: Floats, clustered: ClusterMean, level: float) -> tuple[float, float]:
    """Both ends where raters guess several times: never narrower than independent guesses."""
    if clustered.units < 2:
        return -1.0, 1.0
    # One guess of each kind and one more: the shares of few guesses are never quite 0.
    n = x.size + _ADDED
    centre = float(x.sum()) / n
    independent = (float((x**2).sum()) + _ADDED / 2) / n - centre**2
    effect = max(1.0, clustered.variance * n / independent)
    named = float((x > 0).sum()) / effect
    missed = float((x < 0).sum()) / effect
    low, high = paired_score(named, missed, x.size / effect, critical(level, clustered.df))
    return float(low), float(high)


def james_index(
    guesses: ArrayLike,
    arms: Iterable[Hashable],
    *,
    raters: Iterable[Hashable] | None = None,
    level: float = 0.95,
) -> Estimate:
    """How well all arms together were hidden, "cannot tell" counting as hidden.

    Args:
        guesses: As in `bang_index`, of both arms, shape (n,).
        arms: The arm behind each answer, two different ones, shape (n,).
        raters: Who guessed, shape (n,).
        level: Probability of covering, in (0, 1).

    Returns:
        The index in [0, 1]: 1 = nobody could tell, 0.5 = guessing, 0 = always recognised.

    Source:
        James et al. 1996, Statistics in Medicine 15; the variance by the delta method.

    Example:
        >>> guesses = [1] * 82 + [-1] * 25 + [0] * 170 + [1] * 29 + [-1] * 27 + [0] * 83
        >>> str(james_index(guesses, ["drug"] * 277 + ["placebo"] * 139))
        '0.748 [0.705, 0.791]'
    """
    x = _guesses(guesses)
    share(level, "level")
    arm = codes(arms, x.size, "arms")
    if int(arm.max()) != 1:
        raise ValueError(f"'arms' must name two arms. Got {int(arm.max()) + 1} instead.")
    groups = codes(raters, x.size, "raters")

    # Rows: arm named 0, arm named 1, cannot tell. Columns: the arm behind the answer.
    row = np.where(x == CANNOT_TELL, 2, np.where(x == CORRECT, arm, 1 - arm))
    cell = row * 2 + arm
    shares = np.bincount(cell, minlength=6) / x.size
    value = _james(shares)
    influence = _influence(shares)[cell] / x.size
    variance, df = shared_variance(influence, groups)
    units = int(groups.max()) + 1
    half = critical(level, df) * float(np.sqrt(variance)) if units > 1 else 1.0
    low, high = _one_more(x, arm, groups)
    return Estimate(
        value=value,
        low=max(0.0, min(value - half, low)),
        high=min(1.0, max(value + half, high)),
        level=level,
        n=units,
        method="James' index, delta method",
    )


def _one_more(x: Floats, arm: Ints, groups: Ints) -> tuple[float, float]:
    """The index with one more rater, like the others but always right, and one always wrong.

    Guesses that are all alike would otherwise give an interval without width.
    """
    typical = max(1, round(x.size / (int(groups.max()) + 1)))
    behind = np.append(arm, np.arange(typical) % 2)
    ends = []
    for guess in (CORRECT, WRONG):
        guesses = np.append(x, np.full(typical, guess))
        row = np.where(guesses == CANNOT_TELL, 2, np.where(guesses == CORRECT, behind, 1 - behind))
        ends.append(_james(np.bincount(row * 2 + behind, minlength=6) / guesses.size))
    return ends[0], ends[1]


def _guesses(guesses: ArrayLike) -> Floats:
    x = vector(guesses, "guesses")
    if not np.isin(x, (WRONG, CANNOT_TELL, CORRECT)).all():
        raise ValueError("'guesses' must hold 1 (right), 0 (cannot tell) or -1 (wrong).")
    return x


def _james(shares: Floats) -> float:
    """The index from the six shares; 1 where nobody named an arm."""
    table = shares.reshape(3, 2)
    hidden = float(table[2].sum())
    guessed = 1.0 - hidden
    if guessed <= 0:
        return 1.0
    # A wrong guess disagrees by one half.
    observed = float(table[0, 1] + table[1, 0]) / 2 / guessed
    named = table[:2].sum(axis=1)
    actual = table[:2].sum(axis=0)
    expected = float(named[0] * actual[1] + named[1] * actual[0]) / 2 / guessed**2
    if expected <= 0:
        # Only one arm was ever named, and it was always the right one.
        kappa = -1.0 if observed <= 0 else 0.0
    else:
        kappa = (observed - expected) / expected
    index = (1.0 + hidden + guessed * kappa) / 2
    return min(max(index, 0.0), 1.0)


def _influence(shares: Floats) -> Floats:
    """How far one more guess in each cell moves the index, shape (6,)."""
    centre = _james(shares)
    moved = np.empty(6)
    for cell in range(6):
        towards = (1 - _STEP) * shares
        towards[cell] += _STEP
        moved[cell] = (_james(towards) - centre) / _STEP
    return moved


def unblinded(indices: Iterable[Estimate], *, limit: float = 0.2) -> bool:
    """Whether some arm was recognised: the lower end of its index is above the limit.

    Args:
        indices: Bang's index of each arm.
        limit: Up to here blinding counts as successful (Bang et al. 2004).

    Example:
        >>> unblinded([bang_index([1] * 30 + [0] * 10)])
        True
        >>> unblinded([bang_index([1, -1, 0, 0, 1])])
        False
    """
    return any(index.low > limit for index in indices)
