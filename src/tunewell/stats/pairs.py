"""Preferences between pairs.

Win rates with ties, strengths of several models, the pull of the first position.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.inputs import Bools, Floats, critical, matrix, share, vector
from tunewell.stats.means import mean
from tunewell.stats.proportions import paired_score, proportion
from tunewell.types import Estimate, Value

_STEPS = 100
_CONVERGED = 1e-12


class Ranking(Value):
    """Strengths on the logit scale: the probability that i beats j is 1 / (1 + exp(s_j - s_i)).

    Attributes:
        strengths: One Estimate an item, relative to the reference (0 exactly) or to the mean of
            all.
        order: Indices from the strongest to the weakest.
    """

    strengths: tuple[Estimate, ...]
    order: tuple[int, ...]


class PositionBias(Value):
    """How far a judge follows the place of an answer rather than the answer.

    Attributes:
        bias: How much more often than one half the first-shown answer is preferred, in [-.5, .5].
        consistent: Share of pairs on which the verdict survives the swap.
    """

    bias: Estimate
    consistent: Estimate


def win_rate(
    wins: int,
    losses: int,
    ties: int = 0,
    *,
    level: float = 0.95,
) -> Estimate:
    """How often the first is preferred, a tie counting one half.

    Args:
        wins: Pairs won, 0 or more.
        losses: Pairs lost.
        ties: Pairs without a preference.
        level: Probability of covering, in (0, 1).

    Returns:
        The win rate, in [0, 1]; swapping wins and losses mirrors it.

    Source:
        Tango 1998 for wins minus losses over all pairs. Without ties this is Wilson's interval.

    Example:
        >>> str(win_rate(60, 30, 10))
        '0.65 [0.558, 0.732]'
    """
    if min(wins, losses, ties) < 0 or wins + losses + ties == 0:
        raise ValueError(
            f"'wins', 'losses' and 'ties' must be counts, not all 0. Got {wins}, {losses}, {ties}."
        )
    n = wins + losses + ties
    value = (wins + ties / 2) / n
    low, high = paired_score(wins, losses, n, critical(level))
    return Estimate(
        value=value,
        low=min((1 + float(low)) / 2, value),
        high=max((1 + float(high)) / 2, value),
        level=level,
        n=n,
        method="Tango score, ties one half",
    )


def bradley_terry(
    wins: ArrayLike,
    *,
    reference: int | None = None,
    level: float = 0.95,
) -> Ranking:
    """Strengths of several models from pairwise preferences.

    Args:
        wins: ``wins[i, j]`` counts how often i was preferred over j, ties one half each way, shape
            (k, k).
        reference: Index of the item whose strength is 0; None puts the mean of all at 0.
        level: Probability of covering, in (0, 1), for each strength.

    Raises:
        ValueError: Where strengths are not finite: some group never lost to (or never met) the
            others.

    Source:
        Bradley & Terry 1952; maximum likelihood by Newton's method, Wald intervals; existence: Ford
        1957.

    Example:
        >>> r = bradley_terry([[0, 8, 9], [4, 0, 7], [3, 5, 0]], reference=2)
        >>> r.order, round(r.strengths[0].value, 2)
        ((0, 1, 2), 1.07)
    """
    w = matrix(wins, "wins")
    k = w.shape[0]
    square = w.shape == (k, k) and k >= 2
    if not square or (w < 0).any() or np.diagonal(w).any():
        raise ValueError(
            f"'wins' must be square, 0 or above, with zeros on its diagonal. Got shape {w.shape}."
        )
    if reference is not None and not 0 <= reference < k:
        raise ValueError(f"'reference' must be None or 0 … {k - 1}. Got {reference} instead.")
    share(level, "level")
    if not _connected(w > 0):
        raise ValueError(
            "'wins' leave strengths infinite: a group of items never lost to, or never met, "
            "the others."
        )
    s, information = _most_likely(w)
    zero = 1.0 / k if reference is None else np.eye(k)[reference][None, :]
    contrast = np.eye(k) - zero
    covariance = contrast @ np.linalg.pinv(information) @ contrast.T
    values = contrast @ s
    errors = np.sqrt(np.maximum(np.diagonal(covariance), 0.0))

    half = critical(level) * errors
    games = int((w + w.T).sum() / 2)
    strengths = []
    for value, around in zip(values, half, strict=True):
        strengths.append(
            Estimate(
                value=float(value),
                low=float(value - around),
                high=float(value + around),
                level=level,
                n=games,
                method="Bradley-Terry, maximum likelihood, Wald",
                unit="logit",
            )
        )
    order = np.argsort(-values, kind="stable")
    return Ranking(strengths=tuple(strengths), order=tuple(order.tolist()))


def _most_likely(w: Floats) -> tuple[Floats, Floats]:
    """Strengths of the greatest likelihood, and the information there, by Newton's method."""
    k = len(w)
    games = w + w.T
    won = w.sum(1)
    s = np.zeros(k)
    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(s[None, :] - s[:, None]))
        gradient = won - (games * p).sum(1)
        weight = games * p * p.T
        information: Floats = np.diag(weight.sum(1)) - weight
        step = np.linalg.pinv(information) @ gradient
        s = s + np.clip(step, -2.0, 2.0)
        if float(np.abs(step).max()) < _CONVERGED:
            break
    return s, information


def position_bias(
    first: ArrayLike,
    swapped: ArrayLike,
    *,
    level: float = 0.95,
) -> PositionBias:
    """How much a judge prefers whatever is shown first, from pairs judged in both orders.

    Args:
        first: 1 where the answer shown first was preferred, .5 tie, 0 otherwise, in one order,
            shape (n,).
        swapped: The same with the two answers swapped: again 1 where the answer shown first was
            preferred.
        level: Probability of covering, in (0, 1).

    Example:
        >>> b = position_bias([1, 1, 0, 1, 1, 0, 1, 1], [1, 0, 1, 1, 0, 1, 1, 0])
        >>> round(b.bias.value, 3), round(b.consistent.value, 3)
        (0.188, 0.625)
    """
    x = vector(first, "first")
    y = vector(swapped, "swapped")
    if x.size != y.size:
        raise ValueError(
            f"'first' and 'swapped' must be of one length. Got {x.size} and {y.size} instead."
        )
    if not np.isin(np.concatenate([x, y]), (0.0, 0.5, 1.0)).all():
        raise ValueError("'first' and 'swapped' must hold 0, .5 or 1.")
    pull = (x + y - 1) / 2
    consistent = int((x == 1 - y).sum())
    return PositionBias(
        bias=_mean_pull(pull, level),
        consistent=proportion(consistent, x.size, level=level),
    )


def _mean_pull(pull: Floats, level: float) -> Estimate:
    """The mean of values in [-.5, .5]."""
    if not np.isin(pull, (-0.5, 0.0, 0.5)).all():
        return mean(pull, level=level, low=-0.5, high=0.5)
    value = float(pull.mean())
    to_first = float((pull > 0).sum())
    to_second = float((pull < 0).sum())
    low, high = paired_score(to_first, to_second, pull.size, critical(level))
    return Estimate(
        value=value,
        low=min(float(low) / 2, value),
        high=max(float(high) / 2, value),
        level=level,
        n=pull.size,
        method="Tango score, swapped pairs",
    )


def _connected(beats: Bools) -> bool:
    """Whether every item can be reached from every other along wins."""
    reach: Floats = (beats | np.eye(len(beats), dtype=np.bool_)).astype(np.float64)
    for _ in range(len(beats).bit_length()):
        reach = (reach @ reach > 0).astype(np.float64)
    return bool((reach > 0).all())
