"""Learning curves: what more data would bring, with an interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.inputs import Floats, positive, share, vector
from tunewell.types import Estimate

_SHAPES = np.array([0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.3])
_RECTIFIERS = np.array([0.0, 0.1, 0.3, 1.0, 3.0, 10.0])
_FLOORS = np.linspace(0.0, 0.98, 15)

# Five points leave two degrees of freedom: a run's usual noise of one percent counts as two more.
_USUAL_NOISE = 0.01
_PRIOR_POINTS = 2.0

# A curve is never taken for exact: a run repeated with another seed differs by this at the least.
_LEAST_NOISE = 0.002

# The law reported forecasts what the average of all laws does at so many times the data.
_AHEAD = 4
_SIMULATED_AHEAD = 8
_TINY = 1e-300


@dataclass(frozen=True)
class LearningCurve:
    """A fitted law of loss against rows, and the bootstrap of its fits.

    Attributes:
        law: ``L(n) = B / (D + n^b) + E`` as (B, D, b, E), the best fit.
        sizes: Rows of the points, shape (points,).
        losses: Mean loss at each, shape (points,).
        fits: Bootstrapped laws, shape (draws, 4).
        residual: Relative standard deviation of the points around the law.
        level: Of the intervals.
    """

    law: tuple[float, float, float, float]
    sizes: Floats
    losses: Floats
    fits: Floats
    residual: float
    level: float

    def forecast(self, n: float) -> Estimate:
        """The loss expected at ``n`` rows, the interval covering a new run there.

        The interval holds the spread of the fits and of a single run. It grows with the distance
        from the data; the method says when ``n`` is more than eight times the largest size, beyond
        what was simulated.
        """
        positive(n, "n")
        size = np.array([n])
        value = float(_law(np.array(self.law)[None], size)[0, 0])
        at = _law(self.fits, size)[:, 0]
        rng = np.random.default_rng(0)
        spread = at * np.exp(rng.normal(size=at.size) * self.residual)
        tail = (1 - self.level) / 2
        low, high = np.quantile(spread, [tail, (1 + self.level) / 2])

        method = "rectified power law, bootstrap"
        if n > _SIMULATED_AHEAD * float(self.sizes.max()):
            method += ", beyond eight times the data: not simulated"
        return Estimate(
            value=value,
            low=min(float(low), value),
            high=max(float(high), value),
            level=self.level,
            n=self.sizes.size,
            method=method,
            unit="loss",
        )


def learning_curve(
    sizes: ArrayLike,
    losses: ArrayLike,
    *,
    errors: ArrayLike | None = None,
    level: float = 0.9,
    draws: int = 200,
    seed: int = 0,
) -> LearningCurve:
    """Fit how the loss falls with rows, to forecast what more rows would bring.

    Args:
        sizes: Rows trained on, shape (points,), 4 different sizes or more; several runs at one size
            are welcome.
        losses: Held-out loss of each run, above 0, shape (points,).
        errors: Standard error of each loss, shape (points,); None weighs all alike (relative to the
            loss).
        level: Of the intervals of `LearningCurve.forecast`.
        draws: Bootstrap fits, 50 or more.
        seed: Of the bootstrap.

    Returns:
        The curve; ``forecast(n)`` is its use.

    Notes:
        Weighted least squares over a grid of shapes (power b, rectifier D, floor E as a share of
        the smallest loss), the scale B in closed form; the fits are averaged over everything that
        the points cannot tell apart, by their likelihood, with a prior of equal weight on the grid.
        Without that a floor of 0 and a floor just under the last point fit equally well and
        forecast differently.

    Source:
        Lin et al. 2024 (arXiv 2402.02314), equation 1, the rectified law.

    Example:
        >>> import numpy as np
        >>> n = np.array([100, 200, 400, 800, 1600])
        >>> curve = learning_curve(n, 1.0 + 6 / n**0.5, draws=50)
        >>> e = curve.forecast(6400)
        >>> abs(e.value - 1.075) < 0.02
        True
    """
    n = vector(sizes, "sizes")
    y = vector(losses, "losses")
    too_few = n.size != y.size or np.unique(n).size < 4
    if too_few or min(n.min(), y.min()) <= 0:
        raise ValueError(
            "'sizes' and 'losses' must be above 0, of one length, with 4 different sizes or more."
        )
    share(level, "level")
    if draws < 50:
        raise ValueError(f"'draws' must be 50 or more. Got {draws} instead.")
    scale = y if errors is None else _errors(errors, y.size)

    laws, loss = _grid(n, y, scale)
    best = int(loss.argmin())
    noise = _noise(float(loss[best]), n.size, known_errors=errors is not None)
    mean_scale = float(np.mean(scale / y))
    relative = float(np.sqrt(noise) * mean_scale)
    noise = max(noise, (_LEAST_NOISE / max(mean_scale, _TINY)) ** 2)

    rng = np.random.default_rng(seed)
    ahead = _AHEAD * np.array([n.max()])
    likelihood = np.exp(-(loss - loss[best]) / (2 * noise))
    central = (likelihood[:, None] * _law(laws, ahead)).sum() / likelihood.sum()

    fits = []
    fitted = _law(laws[best : best + 1], n)[0]
    for _ in range(draws):
        errors_drawn = rng.normal(size=n.size) * np.sqrt(noise) * scale
        drawn = np.maximum(fitted + errors_drawn, 1e-6 * y)
        candidates, misfit = _grid(n, drawn, scale)
        weight = np.exp(-(misfit - misfit.min()) / (2 * noise))
        fits.append(candidates[rng.choice(len(candidates), p=weight / weight.sum())])

    # The law reported is the one of the grid nearest to the average forecast, among those that fit
    # well.
    well = laws[loss <= loss[best] + 2 * noise]
    off = np.abs(_law(well, ahead)[:, 0] - central)
    b, d, power, floor = well[int(off.argmin())]
    return LearningCurve(
        law=(float(b), float(d), float(power), float(floor)),
        sizes=n,
        losses=y,
        fits=np.array(fits),
        residual=max(relative, _LEAST_NOISE),
        level=level,
    )


def _errors(errors: ArrayLike, points: int) -> Floats:
    given = vector(errors, "errors")
    if given.size != points or (given <= 0).any():
        raise ValueError("'errors' must be above 0, one a point.")
    return given


def _noise(loss: float, points: int, *, known_errors: bool) -> float:
    """Variance of a point around the law, in units of its scale.

    Args:
        loss: Weighted sum of squares of the best law.
        points: How many there are.
        known_errors: Whether the scale is each point's own standard error.
    """
    df = max(points - 3, 1)
    if known_errors:
        return max(loss / df, 1.0)
    return (loss + _PRIOR_POINTS * _USUAL_NOISE**2) / (df + _PRIOR_POINTS)


def _grid(n: Floats, y: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """Every law of the grid with its best B, and its weighted sum of squares."""
    grids = np.meshgrid(_SHAPES, _RECTIFIERS, _FLOORS, indexing="ij")
    b, r, f = (grid.ravel() for grid in grids)
    rectifier = r * float(n.min()) ** b
    floor = f * float(y.min())

    basis = 1.0 / (rectifier[:, None] + n[None, :] ** b[:, None])
    gap = y[None, :] - floor[:, None]
    w = 1.0 / scale[None, :] ** 2
    best_height = (w * gap * basis).sum(1) / (w * basis**2).sum(1)
    height = np.maximum(best_height, 0.0)
    off = gap - height[:, None] * basis
    loss = (w * off**2).sum(1)
    return np.stack([height, rectifier, b, floor], axis=1), loss


def _law(laws: Floats, n: Floats) -> Floats:
    """Loss of each law at each size, shape (laws, sizes)."""
    height, rectifier, power, floor = (column[:, None] for column in laws.T)
    out: Floats = height / (rectifier + n[None, :] ** power) + floor
    return out
