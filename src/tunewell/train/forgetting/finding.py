"""T04: what the model could do before and can no longer: general text and general questions.

The passages stand for general text of their twelve kinds, so they are the units of the intervals
and the kinds are strata: between two models that differ at random on every passage, the change
would come out as often above as below.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tunewell.train.arrays import Floats
from tunewell.train.forgetting.general_rows import QUESTION, kind_of, reading_work
from tunewell.train.lora.rows import TrainRow
from tunewell.types import Estimate, Finding, Threshold

LIMIT = 0.05
"""T04: largest relative rise of the loss on general text."""

POWER = 0.8
"""With which the detectable change would have been seen."""


def forgetting(
    losses: Floats,
    rows: Sequence[TrainRow],
    *,
    limit: float = LIMIT,
    work: float = math.inf,
) -> Finding:
    """T04 from losses before and after.

    Args:
        losses: From `tunewell.train.forgetting.losses.general_losses`.
        rows: From `tunewell.train.forgetting.general_rows.general_rows`.
        limit: Largest relative rise.
        work: Of the run, in tokens trained on at full depth.
    """
    tokens = np.asarray([r.targets for r in rows], np.float64)
    kinds = np.asarray([kind_of(r) for r in rows])
    text, asked = kinds != QUESTION, kinds == QUESTION
    of_text = relative_change(losses[:, text], tokens[text], kinds[text].tolist())
    of_asked = relative_change(losses[:, asked], tokens[asked], kinds[asked].tolist())

    worse = [change for change in (of_text, of_asked) if change.estimate.low > limit]
    status = "unchecked"
    if worse:
        status = "found"
    elif of_text.estimate.high <= limit:
        status = "clear"

    why = (
        f"Loss on general text changed by {of_text} ({of_text.estimate.n} passages of "
        f"{len(set(kinds[text]))} kinds; {of_text.seen}), on the answers to {of_asked.estimate.n} "
        f"general questions by {of_asked} ({of_asked.seen}).{_cost(rows, work)}"
    )
    remedy = "mix in general rows: train.replay: 0.05; or lower train.rate or train.rank"
    return Finding(
        code="T04",
        status=status,
        stage="train",
        why=why,
        estimate=(worse or [of_text])[0].estimate,
        threshold=Threshold(value=limit, origin="built-in"),
        remedy="" if status == "clear" else remedy,
    )


def _cost(rows: Sequence[TrainRow], work: float) -> str:
    if math.isinf(work):
        return ""
    share = reading_work(rows) / work
    return (
        f" This measurement took {100 * share:.2g} % of the run "
        f"({200 * share:.2g} % without the cached base scores)."
    )


def in_hundredths(share: float) -> str:
    """A share in hundredths, with two digits where it has no more.

    Example:
        >>> in_hundredths(0.0381), in_hundredths(0.012), in_hundredths(1.3449)
        ('3.8', '1.2', '134')
    """
    value = 100 * share
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


@dataclass(frozen=True)
class LossChange:
    """How much a loss has changed.

    Attributes:
        estimate: As a share of the loss before.
        detectable: The smallest change that would have been detected with 80 % power.
    """

    estimate: Estimate
    detectable: float

    @property
    def seen(self) -> str:
        """The detectable change in words."""
        if math.isinf(self.detectable):
            return "no change would have been detected"
        return f"a change of {in_hundredths(self.detectable)} % would have been detected"

    def __str__(self) -> str:
        e = self.estimate
        return f"{100 * e.value:+.1f} % [{100 * e.low:+.1f}, {100 * e.high:+.1f}]"


def relative_change(
    losses: Floats,
    tokens: Floats,
    kinds: Sequence[str],
    *,
    level: float = 0.95,
) -> LossChange:
    """Change of all nats together as a share of the nats before.

    Paired by row, kinds being strata.

    The linearised variance of a ratio over a stratified sample (Cochran 1977, Sampling Techniques,
    eq. 6.44 without the finite population) with Satterthwaite's degrees of freedom.

    Args:
        losses: Mean nats per token before and after, shape (2, rows).
        tokens: Of each row, shape (rows,).
        kinds: Of each row.
        level: Of the interval.

    Example:
        >>> before = np.array([2.0, 3.0, 2.0, 3.0])
        >>> losses = np.stack([before, before * [1.1, 1.1, 1.2, 1.2]])
        >>> change = relative_change(losses, np.ones(4), list("aabb"))
        >>> print(change, change.seen)
        +15.0 % [+12.0, +18.0] a change of 3.8 % would have been detected
    """
    from tunewell.stats.special import stdtrit

    before, after = losses * tokens
    value = float(after.sum() / before.sum() - 1)
    off = (after - (1 + value) * before) / before.sum()
    error = _stratified_error(off, kinds)
    if error.size:
        half = float(stdtrit(error.freedom, (1 + level) / 2)) * error.size
        more = float(stdtrit(error.freedom, POWER)) * error.size
    else:
        half, more = (0.0 if error.known else math.inf), 0.0

    estimate = Estimate(
        value=value,
        low=value - half,
        high=value + half,
        level=level,
        n=len(tokens),
        method="paired ratio, t over passages within kinds",
        unit="share of the loss before",
    )
    return LossChange(estimate, half + more)


class _Error(NamedTuple):
    """A standard error with its degrees of freedom; 0 where it is none, or not known."""

    size: float
    freedom: float = math.inf
    known: bool = True


def _stratified_error(off: Floats, kinds: Sequence[str]) -> _Error:
    """Standard error of the sum of ``off``, a stratified sample."""
    _, place = np.unique(np.asarray(kinds), return_inverse=True)
    count = np.bincount(place).astype(np.float64)
    if (count < 2).any():
        return _Error(0.0, known=False)
    mean = np.bincount(place, off) / count
    spread = np.bincount(place, (off - mean[place]) ** 2)
    if not spread.sum():
        return _Error(0.0)
    parts = count / (count - 1) * spread
    variance = float(parts.sum())
    freedom = variance**2 / float((parts**2 / (count - 1)).sum())
    return _Error(math.sqrt(variance), freedom)
