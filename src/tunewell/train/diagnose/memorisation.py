"""T02: rows that the model has memorised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.stats import difference, mean
from tunewell.train.arrays import Floats
from tunewell.train.diagnose.losses import Families, families_of, held_out_loss, trained_loss
from tunewell.types import Estimate, Finding, FoldTrace, Threshold

MEMBERSHIP = 0.75
"""T02: largest chance of telling a trained row from another by its loss."""

FLOOR = 1e-3
"""Nats a token below which losses are not told apart."""

REGURGITATED = 0.05
"""T02: largest share of rows that are continued word for word because they were trained on."""

BY_HEART = 1.0
"""Nats a token by which a row's loss is lower when trained on than when held out.

Then it counts as memorised.
"""

LEAST_TOKENS = 20
"""Of a target that counts as continued word for word: shorter ones are met by chance."""

SHOWN = 20


def memorisation(
    trace: FoldTrace,
    evaluation: int,
    *,
    families: Families,
    scope: str,
    runs: NDArray[Any] | None = None,
) -> Finding:
    """T02 at the length that was chosen.

    Args:
        trace: Of the full-depth check, or of the folds.
        evaluation: The chosen one.
        families: Row id to family.
        scope: Where it was measured, in words.
        runs: For `regurgitation`, of the same adapters at their last evaluation; None = not
            measured.
    """
    area = membership(trace, evaluation, families=families)
    said = None if runs is None else regurgitation(runs, trace, families=families)

    status = "unchecked"
    if area.low > MEMBERSHIP or (said is not None and said.more.low > REGURGITATED):
        status = "found"
    elif area.high <= MEMBERSHIP:
        status = "clear"

    why = (
        "Shown one training row and one unseen row, the loss picks the training row in "
        f"{100 * area.value:.0f} [{100 * area.low:.0f}, {100 * area.high:.0f}] of 100 pairs, "
        f"{scope} (chance: 50)."
    )
    if status == "unchecked":
        why += f" Too few rows to say whether that is more than {100 * MEMBERSHIP:.0f}."
    if said is not None:
        why += f" {said}"
    return Finding(
        code="T02",
        status=status,
        stage="train",
        why=why,
        estimate=area,
        rows=() if status == "clear" else _most_memorised(trace, evaluation),
        threshold=Threshold(value=MEMBERSHIP, origin="built-in"),
        remedy="" if status == "clear" else "lower train.epochs or train.rank, drop repeats",
    )


def _most_memorised(trace: FoldTrace, evaluation: int) -> tuple[str, ...]:
    """Rows that are memorised, the worst first."""
    gap = held_out_loss(trace, evaluation) - trained_loss(trace, evaluation)
    known = np.where(np.isfinite(gap), gap, -np.inf)
    first = np.argsort(-known)[:SHOWN]
    return tuple(trace.examples[i] for i in first.tolist() if known[i] > BY_HEART)


# --- by the loss ----------------------------------------------------------------------------------


def membership(
    trace: FoldTrace,
    evaluation: int,
    *,
    families: Families,
    level: float = 0.95,
) -> Estimate:
    """Chance that a row trained on has lost more of its loss than a row that was not (0.5 = none).

    The area under the ROC curve of a membership test that knows the base model's loss, as attackers
    do; the interval counts a family once (Obuchowski 1997, Biometrics 53).
    """
    from tunewell.stats.special import stdtrit

    before = np.maximum(trace.losses[0].astype(np.float64), FLOOR)
    after = np.maximum(trace.losses[evaluation].astype(np.float64), FLOOR)
    gain = np.log(before / after)
    known = np.isfinite(gain)
    inside = np.nonzero(known & ~trace.held_out)
    outside = np.nonzero(known & trace.held_out)

    above = _share_below(gain[inside], gain[outside])
    below = 1 - _share_below(gain[outside], gain[inside])
    area = float(above.mean())

    # How far each family moves the area.
    everything = np.arange(len(trace.examples))
    names, code = np.unique(families_of(trace, everything, families), return_inverse=True)
    n = len(names)
    moved = np.bincount(code[inside[1]], (above - area) / len(above), minlength=n)
    moved += np.bincount(code[outside[1]], (below - area) / len(below), minlength=n)

    others = max(n - 1, 1)
    t = stdtrit(others, (1 + level) / 2)
    half = float(t * np.sqrt(n / others * (moved**2).sum()))
    return Estimate(
        value=area,
        low=max(0.0, area - half),
        high=min(1.0, area + half),
        level=level,
        n=n,
        method="area under the curve, over families",
        unit="share",
    )


def _share_below(x: Floats, against: Floats) -> Floats:
    """Share of ``against`` that lies below each x, ties half."""
    ordered = np.sort(against)
    below = np.searchsorted(ordered, x, "left")
    up_to = np.searchsorted(ordered, x, "right")
    return (below + up_to) / (2 * len(ordered))


# --- word for word --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Regurgitation:
    """How many rows are continued word for word, of those trained on and of those never seen.

    Attributes:
        inside: Share of the rows trained on.
        outside: Share of the rows never seen: what any model of such texts would write.
        more: ``inside`` minus ``outside``.
        longest: Most tokens continued word for word of a row trained on.
    """

    inside: Estimate
    outside: Estimate
    more: Estimate
    longest: int

    def __str__(self) -> str:
        return (
            f"Given the beginning, {_percent(self.inside)} of the rows trained on are continued "
            f"word for word for at least half of their target (at most {self.longest} tokens), "
            f"against {_percent(self.outside)} of rows never seen: {_percent(self.more)} more."
        )


def regurgitation(
    runs: NDArray[Any],
    trace: FoldTrace,
    *,
    families: Families,
    level: float = 0.95,
) -> Regurgitation | None:
    """Rows whose target the model continues by itself for at least half of it (T02).

    From some place on. Only targets of at least 20 tokens count: shorter ones are met by chance.
    None where either side has none.

    Args:
        runs: From `tunewell.train.lora.adapted.Adapted.longest_runs`, shape (adapters, examples).
        trace: Which rows each adapter has not seen, and how long their targets are.
        families: Row id to family.
        level: Of the intervals.
    """
    known = np.isfinite(runs) & (trace.tokens >= LEAST_TOKENS)[None]
    inside = np.nonzero(known & ~trace.held_out)
    outside = np.nonzero(known & trace.held_out)
    if not len(inside[1]) or not len(outside[1]):
        return None

    continued = (runs >= (trace.tokens / 2)[None]).astype(np.float64)
    own = families_of(trace, inside[1], families)
    others = families_of(trace, outside[1], families)
    return Regurgitation(
        inside=mean(continued[inside], clusters=own, level=level),
        outside=mean(continued[outside], clusters=others, level=level),
        more=difference(
            continued[inside],
            continued[outside],
            paired=False,
            clusters=[*own, *others],
            level=level,
        ),
        longest=int(runs[inside].max()),
    )


def _percent(e: Estimate) -> str:
    return f"{100 * e.value:.0f} % [{100 * e.low:.0f}, {100 * e.high:.0f}]"
