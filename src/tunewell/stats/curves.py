"""Learning curves: what more data would bring, with an interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.inputs import Floats, positive, share, vector
from tunewell.types import Estimate

_SHAPES = np.array([0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.3])
_RECTIFIERS = np.array([0.0, 0.1, 0.3, 1.0, 3.0, 10.0])
_USUAL_NOISE, _PRIOR_POINTS = 0.01, 2.0
_FLOORS = np.linspace(0.0, 0.98, 15)


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
        value = float(_law(np.array(self.law)[None], np.array([n]))[0, 0])
        at = _law(self.fits, np.array([n]))[:, 0]
        rng = np.random.default_rng(0)
        spread = at * np.exp(rng.normal(size=at.size) * self.residual)
        low, high = np.quantile(spread, [(1 - self.level) / 2, (1 + self.level) / 2])
        far = n > 8 * float(self.sizes.max())
        return Estimate(
            value=value,
            low=min(float(low), value),
            high=max(float(high), value),
            level=self.level,
            n=self.sizes.size,
            method="rectified power law, bootstrap"
            + (", beyond eight times the data: not simulated" if far else ""),
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
    n, y = vector(sizes, "sizes"), vector(losses, "losses")
    if n.size != y.size or np.unique(n).size < 4 or (n <= 0).any() or (y <= 0).any():
        raise ValueError(
            "'sizes' and 'losses' must be above 0, of one length, with 4 different sizes or more."
        )
    share(level, "level")
    if draws < 50:
        raise ValueError(f"'draws' must be 50 or more. Got {draws} instead.")
    given = None if errors is None else vector(errors, "errors")
    if given is not None and (given.size != y.size or (given <= 0).any()):
        raise ValueError("'errors' must be above 0, one a point.")
    scale = y if given is None else given
    laws, loss = _grid(n, y, scale)
    best = int(loss.argmin())
    df = max(n.size - 3, 1)
    if given is None:
        # Five points leave two degrees of freedom: a run's usual noise of one percent counts as two
        # more.
        noise = (float(loss[best]) + _PRIOR_POINTS * _USUAL_NOISE**2) / (df + _PRIOR_POINTS)
    else:
        noise = max(float(loss[best]) / df, 1.0)
    # Never taken for exact: a run repeated with another seed differs, by half a percent at the
    # least.
    relative = float(np.sqrt(noise) * np.mean(scale / y)) if noise > 0 else 0.0
    noise = max(noise, (0.002 / max(float(np.mean(scale / y)), 1e-300)) ** 2)
    rng = np.random.default_rng(seed)
    weight = np.exp(-(loss - loss[best]) / (2 * noise))
    central = (weight[:, None] * _law(laws, 4 * np.array([n.max()]))).sum() / weight.sum()
    fits = []
    fitted = _law(laws[best : best + 1], n)[0]
    for _ in range(draws):
        drawn = np.maximum(fitted + rng.normal(size=n.size) * np.sqrt(noise) * scale, 1e-6 * y)
        some, bad = _grid(n, drawn, scale)
        w = np.exp(-(bad - bad.min()) / (2 * noise))
        fits.append(some[rng.choice(len(some), p=w / w.sum())])
    # The law reported is the one of the grid nearest to the average forecast, among those that fit
    # well.
    well = loss <= loss[best] + 2 * noise
    at = _law(laws[well], 4 * np.array([n.max()]))[:, 0]
    chosen = laws[well][int(np.abs(at - central).argmin())]
    law = (float(chosen[0]), float(chosen[1]), float(chosen[2]), float(chosen[3]))
    return LearningCurve(
        law=law, sizes=n, losses=y, fits=np.array(fits), residual=max(relative, 0.002), level=level
    )


def _grid(n: Floats, y: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """Every law of the grid with its best B, and its weighted sum of squares."""
    b, r, f = (v.ravel() for v in np.meshgrid(_SHAPES, _RECTIFIERS, _FLOORS, indexing="ij"))
    rectifier = r * float(n.min()) ** b
    floor = f * float(y.min())
    basis = 1.0 / (rectifier[:, None] + n[None, :] ** b[:, None])
    gap, w = y[None, :] - floor[:, None], 1.0 / scale[None, :] ** 2
    height = np.maximum((w * gap * basis).sum(1) / (w * basis**2).sum(1), 0.0)
    loss = (w * (gap - height[:, None] * basis) ** 2).sum(1)
    return np.stack([height, rectifier, b, floor], axis=1), loss


def _law(laws: Floats, n: Floats) -> Floats:
    """Loss of each law at each size, shape (laws, sizes)."""
    out: Floats = laws[:, :1] / (laws[:, 1:2] + n[None, :] ** laws[:, 2:3]) + laws[:, 3:4]
    return out
