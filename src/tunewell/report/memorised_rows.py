"""Which rows the folds have memorised: each row's loss when held out against when trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewell.report.training_charts import Dot
from tunewell.types import FoldTrace

Floats = NDArray[np.float64]

MOST_DOTS: Final = 400
"""Rows drawn at most: all that are memorised, and of the others as many as fit, evenly by loss."""

MOST_NAMES: Final = 20


@dataclass(frozen=True)
class MemorisedRows:
    """How the folds know the rows that they were trained on.

    Attributes:
        dots: Rows to draw.
        rows: How many there are.
        known: How many of them are memorised.
        names: Ids of those, the best known first.
    """

    dots: tuple[Dot, ...]
    rows: int
    known: int
    names: tuple[str, ...]


def memorised_rows(trace: FoldTrace | None, *, epoch: float | None) -> MemorisedRows | None:
    """Each row's loss when held out and when trained on, at an epoch.

    None where it was not measured.

    Args:
        trace: Of the folds.
        epoch: The length that was chosen; the last evaluation if None.
    """
    from tunewell.train.diagnose.losses import held_out_loss, trained_loss
    from tunewell.train.diagnose.memorisation import BY_HEART

    if trace is None or len(trace.epochs) < 2:
        return None
    evaluation = _evaluation_at(trace, epoch)
    held_out = held_out_loss(trace, evaluation)
    trained_on = trained_loss(trace, evaluation)
    both = np.isfinite(held_out) & np.isfinite(trained_on)
    measured = np.flatnonzero(both)
    if not len(measured):
        return None

    gap = held_out - trained_on
    best_known_first = measured[np.argsort(-gap[measured], kind="stable")]
    memorised = best_known_first[gap[best_known_first] > BY_HEART]
    others = best_known_first[len(memorised) :]
    shown = memorised[:MOST_DOTS]
    room = MOST_DOTS - len(shown)
    drawn = [*shown, *_evenly(others, held_out, room)]
    dots = []
    for n, i in enumerate(drawn):
        dot = Dot(
            row=trace.examples[i],
            held_out=float(held_out[i]),
            trained_on=float(trained_on[i]),
            memorised=n < len(shown),
        )
        dots.append(dot)
    return MemorisedRows(
        dots=tuple(dots),
        rows=len(measured),
        known=len(memorised),
        names=tuple(trace.examples[i] for i in memorised[:MOST_NAMES]),
    )


def _evaluation_at(trace: FoldTrace, epoch: float | None) -> int:
    if epoch is None:
        return len(trace.epochs) - 1
    distance = np.abs(np.asarray(trace.epochs) - epoch)
    return int(np.argmin(distance))


def _evenly(
    rows: NDArray[np.intp],
    held_out: Floats,
    most: int,
) -> NDArray[np.intp]:
    """So many of the rows at most, evenly over the order of their held-out loss."""
    by_loss = rows[np.lexsort((rows, held_out[rows]))]
    count = min(most, len(by_loss))
    places = np.linspace(0, len(by_loss) - 1, count).astype(int)
    chosen: NDArray[np.intp] = by_loss[np.unique(places)]
    return chosen
