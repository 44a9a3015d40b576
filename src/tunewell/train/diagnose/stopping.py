"""Where to stop: by tests on paired rows, not by two point values.

Of 24 public runs that seemed to get worse, 10 were within their own noise. A run is stopped, and
called overfitting, only when the held-out rows have measurably got worse; and of lengths that
cannot be told apart the shortest is taken, because whatever it buys beyond that is memorisation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tunewell.train.arrays import Ints, Mask
from tunewell.train.diagnose.losses import clustered_mean
from tunewell.train.diagnose.memorisation import MEMBERSHIP, membership
from tunewell.types import Estimate, FoldTrace

if TYPE_CHECKING:
    from tunewell.train.lora.run import LossReading, StopRule

ONE_SE = 0.6826894921370859
"""Level of an interval of one standard error to each side."""

Losses = NDArray[Any]
"""Of one evaluation: shape (adapters, rows), NaN = not measured."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Which losses count, and what is independent.

    Attributes:
        where: Held-out (adapter, row) pairs, shape (adapters, rows).
        tokens: Target tokens of each row.
        families: Family of each row.
    """

    where: Mask
    tokens: Ints
    families: Sequence[str]

    def mean(self, losses: Losses, *, level: float = 0.95) -> Estimate:
        """Mean nats per target token of the held-out pairs."""
        return self.change(np.zeros_like(losses), losses, level=level)

    def change(
        self,
        before: Losses,
        after: Losses,
        *,
        level: float = 0.95,
    ) -> Estimate:
        """Mean of ``after - before`` over the same pairs."""
        moved = (after - before).astype(np.float64)
        use = np.isfinite(moved) & self.where
        _, rows = np.nonzero(use)
        names = [self.families[r] for r in rows.tolist()]
        weights = self.tokens[rows].astype(np.float64)
        return clustered_mean(moved[use], weights, names, level=level)

    def rises(self, before: Losses, after: Losses) -> bool:
        """Whether ``after`` is more than one standard error above ``before``."""
        return self.change(before, after, level=ONE_SE).low > 0

    def falls(self, before: Losses, after: Losses) -> bool:
        """Whether ``after`` is more than one standard error below ``before``."""
        return self.change(before, after, level=ONE_SE).high < 0


@dataclass(frozen=True)
class Length:
    """How long to train.

    Attributes:
        evaluation: Index of the evaluation to stop at (never 0, which is before training).
        best: Index of the lowest held-out loss.
        past: Change of the held-out loss from the best to the last evaluation.
        worse: Whether the last is worse than the best, tested.
    """

    evaluation: int
    best: int
    past: Estimate
    worse: bool


def choose_length(
    losses: Sequence[Losses],
    held_out: HeldOut,
    *,
    level: float = 0.95,
) -> Length:
    """The shortest training whose held-out loss is within one standard error of the best.

    Both on the same rows.

    Args:
        losses: One array per evaluation, the first before training.
        held_out: What counts.
        level: Of the test whether the last is worse than the best; shared between the evaluations.
    """
    means = [held_out.mean(x).value for x in losses]
    best = 0
    if len(means) > 1:
        best = 1 + int(np.argmin(means[1:]))

    chosen = best
    for i in range(1, best):
        if not held_out.rises(losses[best], losses[i]):
            chosen = i
            break

    # One-sided, and Bonferroni over the evaluations that could have been the best.
    tests = max(1, len(losses) - 2)
    shared = 1 - 2 * (1 - level) / tests
    past = held_out.change(losses[best], losses[-1], level=shared)
    return Length(chosen, best, past, worse=past.low > 0)


def losses_at_best(losses: Sequence[Losses], rule: HeldOut) -> Losses:
    """At the length with the lowest held-out loss."""
    return losses[choose_length(losses, rule).best]


def memorises(
    losses: Sequence[Losses],
    held_out: HeldOut,
    *,
    level: float = 0.95,
) -> bool:
    """Whether the last stretch of training has only taught rows by heart.

    True where rows trained on can surely be told from others by their loss (T02's membership test,
    its level shared between the evaluations) and the held-out rows have not measurably improved
    since the evaluation before (by one standard error). False where no row was measured under an
    adapter that was trained on it.

    Args:
        losses: One array per evaluation, the first before training.
        held_out: What counts as held out; the other measured pairs were trained on.
        level: Of the membership test.
    """
    if len(losses) < 3:
        return False
    trained_on = np.isfinite(losses[-1]) & ~held_out.where
    if not trained_on.any() or held_out.falls(losses[-2], losses[-1]):
        return False

    names = tuple(str(i) for i in range(len(held_out.families)))
    trace = FoldTrace(
        losses=np.stack([losses[0], losses[-1]]),
        tokens=held_out.tokens,
        held_out=held_out.where,
        epochs=np.asarray([0.0, 1.0]),
        examples=names,
    )
    families = dict(zip(names, held_out.families, strict=True))
    shared = 1 - (1 - level) / (len(losses) - 2)
    return membership(trace, 1, families=families, level=shared).low > MEMBERSHIP


def stop_rule(
    held_out: HeldOut,
    *,
    patience: int,
    level: float = 0.95,
) -> StopRule:
    """A rule for `tunewell.train.lora.run.run_job`.

    It stops at once when the loss is significantly above its best or when training only
    `memorises`, and after ``patience`` evaluations without a better one when it is at least one
    standard error above it. A flat curve of rows that are not learned by heart runs to its end.
    """

    def stop(readings: Sequence[LossReading]) -> bool:
        losses = [r.losses for r in readings]
        length = choose_length(losses, held_out, level=level)
        if length.worse or memorises(losses, held_out, level=level):
            return True
        waited = len(losses) - 1 - length.best
        return waited >= patience and held_out.rises(losses[length.best], losses[-1])

    return stop
