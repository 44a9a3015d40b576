"""T01: is what was learned worth anything on rows not trained on?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tunewell.train.arrays import Floats, Ints, Mask
from tunewell.train.diagnose.losses import Families, families_of, loss_estimate, pairs_mean
from tunewell.types import Estimate, Finding, FoldTrace, Threshold

CARRIED = 0.5
"""T01: least share of the gain on trained rows that must show on held-out rows."""


def overfitting(
    trace: FoldTrace,
    evaluation: int,
    *,
    families: Families,
    scope: str,
) -> Finding:
    """T01 at the length that was chosen.

    Args:
        trace: Of the folds, or of the full-depth check.
        evaluation: The chosen one (index; 0 = before training).
        families: Row id to family.
        scope: Where it was measured, in words.
    """
    train = loss_estimate(trace, evaluation, held_out=False, families=families)
    held = loss_estimate(trace, evaluation, held_out=True, families=families)
    start = loss_estimate(trace, 0, held_out=True, families=families)
    share = carried_share(trace, evaluation, families=families)

    status = "unchecked"
    if held.value >= start.value or share.high < CARRIED:
        status = "found"
    elif share.low >= CARRIED:
        status = "clear"

    why = (
        f"After {trace.epochs[evaluation]:g} epochs the loss is {train} nats a token on rows "
        f"trained on and {held} on held-out rows (before: {start}), {scope}: {share} of what was "
        "gained on trained rows carries over."
    )
    if status == "unchecked":
        why += f" Too few rows to say whether that is at least {CARRIED:g}."
    why += _rising(trace, evaluation, families)
    return Finding(
        code="T01",
        status=status,
        stage="train",
        why=why,
        estimate=share,
        threshold=Threshold(value=CARRIED, origin="built-in"),
        remedy="lower train.epochs or raise train.dropout, then: tunewell train",
    )


def _rising(
    trace: FoldTrace,
    best: int,
    families: Families,
) -> str:
    """Whether the held-out loss rose after the chosen evaluation, in a sentence.

    Empty if nothing came after.
    """
    if best + 1 >= len(trace.epochs):
        return ""
    change = trace.losses[-1] - trace.losses[best]
    rise = pairs_mean(trace, change, trace.held_out, families=families)
    sure = "rises" if rise.low > 0 else "is not shown to fall any further"
    return f" Beyond that the held-out loss {sure}: {rise} by epoch {trace.epochs[-1]:g}."


def carried_share(
    trace: FoldTrace,
    evaluation: int,
    *,
    families: Families,
    level: float = 0.95,
) -> Estimate:
    """Gain on held-out rows as a share of the gain on rows trained on.

    Between the start and one evaluation. Fieller's interval of a ratio, families being the units;
    it is unbounded where the gain on trained rows is not itself certain.
    """
    everything = np.arange(len(trace.examples))
    names, cluster = np.unique(families_of(trace, everything, families), return_inverse=True)
    out = _gain(trace, evaluation, trace.held_out, cluster)
    inside = _gain(trace, evaluation, ~trace.held_out, cluster)

    value = out.mean / inside.mean if inside.mean else 0.0
    low, high = _fieller(out, inside, units=len(names), level=level)
    return Estimate(
        value=value,
        low=min(low, value),
        high=max(high, value),
        level=level,
        n=len(names),
        method="Fieller over families",
        unit="share",
    )


class _Gain(NamedTuple):
    """Mean gain of some pairs, and how far each family moves it."""

    mean: float
    moved: Floats


def _gain(
    trace: FoldTrace,
    evaluation: int,
    where: Mask,
    cluster: Ints,
) -> _Gain:
    gain = (trace.losses[0] - trace.losses[evaluation]).astype(np.float64)
    use = np.isfinite(gain) & where
    _, rows = np.nonzero(use)
    weight = trace.tokens[rows].astype(np.float64)
    total = max(weight.sum(), 1.0)
    mean = float((gain[use] * weight).sum() / total)
    off = weight * (gain[use] - mean)
    moved = np.bincount(cluster[rows], off, minlength=int(cluster.max()) + 1) / total
    return _Gain(mean, moved)


def _fieller(
    over: _Gain,
    under: _Gain,
    *,
    units: int,
    level: float,
) -> tuple[float, float]:
    """Fieller's interval of ``over.mean / under.mean``: the roots of a r² - 2 b r + c."""
    from tunewell.stats.special import stdtrit

    degrees = max(units - 1, 1)
    t = float(stdtrit(degrees, (1 + level) / 2))
    widening = t**2 * units / degrees
    a = under.mean**2 - widening * float((under.moved**2).sum())
    b = over.mean * under.mean - widening * float((over.moved * under.moved).sum())
    c = over.mean**2 - widening * float((over.moved**2).sum())
    if a <= 0 or b * b < a * c:
        return -np.inf, np.inf
    root = float(np.sqrt(b * b - a * c))
    return (b - root) / a, (b + root) / a
