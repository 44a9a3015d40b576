"""D12: the learning curve drawn further, by what was measured on shares of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from tunewell.plurals import plural
from tunewell.stats import learning_curve as fitted_law
from tunewell.train.arrays import Floats, Ints, Mask
from tunewell.types import Estimate, Finding, Threshold, Value

SHARES: Final = (0.125, 0.25, 0.5, 1.0)

AHEAD: Final = (2.0, 4.0)

WORTH = 0.02
"""D12: smallest gain from twice the rows, as a share of the loss, that is worth collecting for."""

LEAST_ERROR = 1e-6
"""Of a measured loss, so that the law can be fitted where nothing varies."""


class CurvePoint(Value):
    """Held-out loss at a number of training rows (measured, or forecast where ``share`` > 1)."""

    share: float
    rows: int
    loss: Estimate


class SliceGain(Value):
    """What twice the rows would take off the loss of one slice's rows, nats a token.

    Twice the rows of all kinds.
    """

    slice: str
    rows: int
    gain: Estimate


class MeasuredCurve(Value):
    """The learning curve, measured and forecast.

    Attributes:
        measured: At 1/8, 1/4, 1/2 and all of the rows.
        forecast: At twice and four times the rows.
        gain: What twice the rows would take off the loss, nats a token.
        slices: The same by slice of the definition, the largest gain first; the intervals hold
            together.
    """

    measured: tuple[CurvePoint, ...]
    forecast: tuple[CurvePoint, ...]
    gain: Estimate
    slices: tuple[SliceGain, ...] = ()


@dataclass(frozen=True, eq=False)
class ShareLosses:
    """Held-out losses of all rows at every share.

    Attributes:
        losses: Shape (shares, rows).
        trained_on: Rows that a fold was trained on, at each share.
        tokens: Target tokens of each row.
        families: Family of each row.
    """

    losses: Floats
    trained_on: Sequence[int]
    tokens: Ints
    families: Sequence[str]

    def of(self, rows: Mask) -> ShareLosses:
        """Of some of the rows."""
        families = [self.families[i] for i in np.flatnonzero(rows).tolist()]
        return ShareLosses(self.losses[:, rows], self.trained_on, self.tokens[rows], families)


def slice_gains(
    shares: ShareLosses,
    slices: dict[str, Mask],
    *,
    seed: int,
) -> tuple[SliceGain, ...]:
    """The forecast for twice the rows on each slice's own rows, the largest gain first.

    Args:
        shares: What was measured.
        slices: Name to rows.
        seed: Of the resampling.
    """
    level = 1 - 0.05 / max(len(slices), 1)
    found = []
    for name, own in slices.items():
        curve = forecast(shares.of(own), seed=seed, level=level)
        found.append(
            SliceGain(
                slice=name,
                rows=int(own.sum()),
                gain=curve.gain,
            )
        )
    return tuple(sorted(found, key=lambda s: -s.gain.value))


def forecast(
    shares: ShareLosses,
    *,
    seed: int = 0,
    draws: int = 400,
    level: float = 0.95,
) -> MeasuredCurve:
    """Draw the curve further by `tunewell.stats.learning_curve`.

    The rectified law is averaged over all that fits. The shares are measured on the same rows, so
    only what differs between them is noise: families are resampled, and each resample is centred
    over the shares.

    Args:
        shares: What was measured.
        seed: Of the resampling.
        draws: How many resamples.
        level: Of the intervals.
    """
    rows = list(shares.trained_on)
    resampled = _Resampled.of(shares, draws=draws, seed=seed)
    moved = resampled.means - resampled.means.mean(1, keepdims=True)
    law = fitted_law(
        rows,
        resampled.point,
        errors=np.maximum(moved.std(0), LEAST_ERROR),
        level=level,
        draws=draws,
        seed=seed,
    )

    measured = []
    for i, (share, count) in enumerate(zip(SHARES, rows, strict=True)):
        loss = resampled.estimate(
            float(resampled.point[i]),
            resampled.means[:, i],
            level=level,
            method="bootstrap over families",
        )
        measured.append(
            CurvePoint(
                share=share,
                rows=count,
                loss=loss,
            )
        )

    ahead = []
    for times in AHEAD:
        loss = law.forecast(rows[-1] * times)
        loss = loss.model_copy(update={"n": resampled.families, "unit": "nats/token"})
        ahead.append(
            CurvePoint(
                share=times,
                rows=round(rows[-1] * times),
                loss=loss,
            )
        )

    now, twice = rows[-1], rows[-1] * AHEAD[0]
    best = np.asarray(law.law)[None]
    gain = resampled.estimate(
        float((_loss_at(best, now) - _loss_at(best, twice))[0]),
        _loss_at(law.fits, now) - _loss_at(law.fits, twice),
        level=level,
        method="rectified power law, bootstrap",
    )
    return MeasuredCurve(
        measured=tuple(measured),
        forecast=tuple(ahead),
        gain=gain,
    )


class _Resampled(NamedTuple):
    """Mean losses at the shares: as measured, and of resampled families.

    Attributes:
        point: Shape (shares,).
        means: Shape (draws, shares).
        families: How many there are.
    """

    point: Floats
    means: Floats
    families: int

    @classmethod
    def of(
        cls,
        shares: ShareLosses,
        *,
        draws: int,
        seed: int,
    ) -> _Resampled:
        # In the order in which they come up: the draws are of places in it.
        numbers: dict[str, int] = {}
        code = np.asarray([numbers.setdefault(f, len(numbers)) for f in shares.families])
        n = len(numbers)
        weight = np.bincount(code, shares.tokens.astype(np.float64), minlength=n)
        nats = [np.bincount(code, x * shares.tokens, minlength=n) for x in shares.losses]
        sums = np.stack(nats)

        rng = np.random.default_rng(seed)
        picks = rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)
        means = picks @ sums.T / (picks @ weight)[:, None]
        return cls(sums.sum(1) / weight.sum(), means, n)

    def estimate(
        self,
        value: float,
        sample: Floats,
        *,
        level: float,
        method: str,
    ) -> Estimate:
        """A value with the quantiles of its resamples."""
        tail = (1 - level) / 2
        low, high = np.quantile(sample, [tail, 1 - tail])
        return Estimate(
            value=value,
            low=min(float(low), value),
            high=max(float(high), value),
            level=level,
            n=self.families,
            method=method,
            unit="nats/token",
        )


def _loss_at(laws: Floats, rows: float) -> Floats:
    """Of laws (B, D, b, E), one a row: ``B / (D + rows^b) + E``."""
    height, rectifier, power, floor = laws.T
    return np.asarray(height / (rectifier + rows**power) + floor)


def too_few_rows(curve: MeasuredCurve) -> Finding:
    """D12: found where twice the rows would surely pay, clear where they surely would not."""
    now, gain = curve.measured[-1].loss.value, curve.gain
    more = curve.measured[-1].rows
    status = "unchecked"
    if gain.low / now > WORTH:
        status = "found"
    elif gain.high / now < WORTH:
        status = "clear"

    why = (
        f"About {more} more rows would take {gain} nats a token off the held-out loss of "
        f"{now:.3g} ({100 * gain.value / now:.1f} %); with four times the rows the loss would be "
        f"{curve.forecast[-1].loss}."
    )
    sure = next((s for s in curve.slices if s.gain.low > 0), None)
    if status == "clear":
        why += " Stop collecting rows of this kind."
    elif sure:
        why += (
            f" The gain would be largest on {sure.slice} ({plural(sure.rows, 'row')}): {sure.gain}."
        )
    return Finding(
        code="D12",
        status=status,
        stage="curve",
        why=why,
        estimate=gain,
        threshold=Threshold(value=WORTH * now, origin="built-in"),
        remedy=_remedy(curve, status),
    )


def _remedy(curve: MeasuredCurve, status: str) -> str:
    if status == "clear":
        return ""
    if status == "unchecked":
        return "collect some and measure again"
    first = ""
    if curve.slices and curve.slices[0].gain.low > 0:
        first = f", {curve.slices[0].slice} first"
    return f"collect about {curve.measured[-1].rows} more rows{first}"
