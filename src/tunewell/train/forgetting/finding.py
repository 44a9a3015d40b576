"""T04: what the model could do before and can no longer: general text and general questions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewell.train.forgetting.general_rows import kind_of, reading_work
from tunewell.train.lora.rows import TrainRow
from tunewell.types import Estimate, Finding, Threshold

LIMIT = 0.05
"""T04: largest relative rise of the loss on general text."""


POWER = 0.8
"""With which the detectable change would have been seen."""


def forgetting(
    losses: NDArray[np.float64],
    rows: Sequence[TrainRow],
    *,
    limit: float = LIMIT,
    work: float = math.inf,
) -> Finding:
    """T04 from losses before and after.

    Args:
        losses: From `general_losses`.
        rows: From `general_rows`.
        limit: Largest relative rise.
        work: Of the run, in tokens trained on at full depth.
    """
    tokens = np.asarray([r.targets for r in rows], np.float64)
    kinds = np.asarray([kind_of(r) for r in rows])
    text = kinds != "question"
    change = relative_change(losses[:, text], tokens[text], kinds[text].tolist())
    asked = relative_change(losses[:, ~text], tokens[~text], kinds[~text].tolist())
    worse = [c for c in (change, asked) if c.estimate.low > limit]
    status = "found" if worse else "clear" if change.estimate.high <= limit else "unchecked"
    why = (
        f"Loss on general text changed by {change} ({change.estimate.n} passages of {len(set(kinds[text]))} kinds; "
        f"{change.seen}), on the answers to {asked.estimate.n} general questions by {asked} ({asked.seen})."
        f"{_cost(rows, work)}"
    )
    return Finding(
        code="T04",
        status=status,
        stage="train",
        why=why,
        estimate=(worse or [change])[0].estimate,
        threshold=Threshold(value=limit, origin="built-in"),
        remedy=""
        if status == "clear"
        else "mix in general rows: train.replay: 0.05; or lower train.rate or train.rank",
    )


def _cost(rows: Sequence[TrainRow], work: float) -> str:
    if math.isinf(work):
        return ""
    share = reading_work(rows) / work
    first = "twice that if this machine had not read the same with this base before"
    return f" Measuring took {100 * share:.2g} % of the run's work, {first}."


@dataclass(frozen=True)
class LossChange:
    """How much a loss has changed.

    Attributes:
        estimate: As a share of the loss before.
        detectable: The smallest change that would have been seen with 80 % power.
    """

    estimate: Estimate
    detectable: float

    @property
    def seen(self) -> str:
        """The detectable change in words."""
        return f"{'no change' if math.isinf(self.detectable) else f'{100 * self.detectable:.2g} %'} would have been seen"

    def __str__(self) -> str:
        e = self.estimate
        return f"{100 * e.value:+.1f} % [{100 * e.low:+.1f}, {100 * e.high:+.1f}]"


def relative_change(
    losses: NDArray[np.float64],
    tokens: NDArray[np.float64],
    kinds: Sequence[str],
    *,
    level: float = 0.95,
) -> LossChange:
    """Change of all nats together as a share of the nats before, paired by row, kinds being strata.

    The linearised variance of a ratio over a stratified sample (Cochran 1977, Sampling Techniques,
    eq. 6.44 without the finite population) with Satterthwaite's degrees of freedom.

    Args:
        losses: Mean nats per token before and after, shape (2, rows).
        tokens: Of each row, shape (rows,).
        kinds: Of each row.
        level: Of the interval.

    Example:
        >>> before = np.array([2.0, 3.0, 2.0, 3.0])
        >>> change = relative_change(np.stack([before, before * [1.1, 1.1, 1.2, 1.2]]), np.ones(4), list("aabb"))
        >>> print(change, change.seen)
        +15.0 % [+12.0, +18.0] 3.8 % would have been seen
    """
    from scipy.special import stdtrit

    before, after = losses * tokens
    value = float(after.sum() / before.sum() - 1)
    off = (after - (1 + value) * before) / before.sum()
    _, place = np.unique(np.asarray(kinds), return_inverse=True)
    count = np.bincount(place).astype(np.float64)
    mean = np.bincount(place, off) / count
    spread = np.bincount(place, (off - mean[place]) ** 2)
    n, name = len(tokens), "paired ratio, t over passages within kinds"
    if (count < 2).any() or not spread.sum():
        alone = bool((count < 2).any())
        half = math.inf if alone else 0.0
        return LossChange(
            Estimate(
                value=value,
                low=value - half,
                high=value + half,
                level=level,
                n=n,
                method=name,
                unit="share of the loss before",
            ),
            half,
        )
    parts = count / (count - 1) * spread
    freedom = float(parts.sum() ** 2 / (parts**2 / (count - 1)).sum())
    se = math.sqrt(float(parts.sum()))
    half, more = (float(stdtrit(freedom, p)) * se for p in ((1 + level) / 2, POWER))
    return LossChange(
        Estimate(
            value=value,
            low=value - half,
            high=value + half,
            level=level,
            n=n,
            method=name,
            unit="share of the loss before",
        ),
        half + more,
    )
