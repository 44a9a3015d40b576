"""T02: rows that the model knows by heart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.train.diagnose.losses import held_out_loss, trained_loss
from tunewell.types import Estimate, Finding, FoldTrace, Threshold

MEMBERSHIP = 0.75
"""T02: largest chance of telling a trained row from another by its loss."""


FLOOR = 1e-3
"""Nats a token below which losses are not told apart."""


REGURGITATED = 0.05
"""T02: largest share of rows that are continued word for word only because they were trained on."""


BY_HEART = 1.0
"""Nats a token by which a row's loss is lower when trained on than when held out: then it is known by heart."""


LEAST_TOKENS = 20


def membership(
    trace: FoldTrace, evaluation: int, *, families: Mapping[str, str], level: float = 0.95
) -> Estimate:
    """Chance that a row trained on has lost a larger share of its loss than a row that was not (0.5 = none).

    The area under the ROC curve of a membership test that knows the base model's loss, as attackers
    do; the interval counts a family once (Obuchowski 1997, Biometrics 53).
    """
    from scipy.special import stdtrit

    before, after = (np.maximum(trace.losses[e].astype(np.float64), FLOOR) for e in (0, evaluation))
    gain = np.log(before / after)
    known = np.isfinite(gain)
    inside, outside = (np.nonzero(known & m) for m in (~trace.held_out, trace.held_out))
    a, b = gain[inside], gain[outside]
    above, below = _placements(a, b), 1 - _placements(b, a)
    area = float(above.mean())
    names: dict[str, int] = {}
    code = np.asarray([names.setdefault(families.get(e, e), len(names)) for e in trace.examples])
    moved = np.bincount(code[inside[1]], (above - area) / len(a), minlength=len(names))
    moved += np.bincount(code[outside[1]], (below - area) / len(b), minlength=len(names))
    n = len(names)
    half = float(
        stdtrit(max(n - 1, 1), (1 + level) / 2) * np.sqrt(n / max(n - 1, 1) * (moved**2).sum())
    )
    return Estimate(
        value=area,
        low=max(0.0, area - half),
        high=min(1.0, area + half),
        level=level,
        n=n,
        method="area under the curve, over families",
        unit="share",
    )


def _placements(x: NDArray[np.float64], against: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of ``against`` that lies below each x, ties half."""
    ordered = np.sort(against)
    return (np.searchsorted(ordered, x, "left") + np.searchsorted(ordered, x, "right")) / (
        2 * len(ordered)
    )


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


def regurgitation(
    runs: NDArray[Any], trace: FoldTrace, *, families: Mapping[str, str], level: float = 0.95
) -> Regurgitation | None:
    """Rows whose target the model continues by itself for at least half of it, from some place on (T02).

    Only targets of at least 20 tokens count: shorter ones are met by chance. None where either side
        has none.

    Args:
        runs: From `tunewell.train.lora.job.Job.longest_runs`, shape (adapters, examples).
        trace: Which rows each adapter has not seen, and how long their targets are.
        families: Row id to family.
        level: Of the intervals.
    """
    from tunewell.stats import difference, mean

    known = np.isfinite(runs) & (trace.tokens >= LEAST_TOKENS)[None]
    inside, outside = (np.nonzero(known & m) for m in (~trace.held_out, trace.held_out))
    if not len(inside[1]) or not len(outside[1]):
        return None
    half = trace.tokens / 2
    a, b = ((runs[at] >= half[at[1]]).astype(np.float64) for at in (inside, outside))
    names = [
        [families.get(trace.examples[r], trace.examples[r]) for r in at[1]]
        for at in (inside, outside)
    ]
    return Regurgitation(
        inside=mean(a, clusters=names[0], level=level),
        outside=mean(b, clusters=names[1], level=level),
        more=difference(a, b, paired=False, clusters=[*names[0], *names[1]], level=level),
        longest=int(runs[inside].max()),
    )


def memorisation(
    trace: FoldTrace,
    evaluation: int,
    *,
    families: Mapping[str, str],
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
    status = (
        "found" if area.low > MEMBERSHIP else "clear" if area.high <= MEMBERSHIP else "unchecked"
    )
    said = regurgitation(runs, trace, families=families) if runs is not None else None
    if said is not None and said.more.low > REGURGITATED:
        status = "found"
    rows = _most_memorised(trace, evaluation) if status != "clear" else ()
    why = (
        f"By its loss a row trained on can be told from one that was not in {100 * area.value:.0f} "
        f"[{100 * area.low:.0f}, {100 * area.high:.0f}] of 100 pairs, {scope} (50 = not at all)."
    )
    if status == "unchecked":
        why += f" Too few rows to say whether that is more than {100 * MEMBERSHIP:.0f}."
    if said is not None:
        why += (
            f" Given the beginning, {_percent(said.inside)} of the rows trained on are continued word for word for at "
            f"least half of their target (at most {said.longest} tokens), against {_percent(said.outside)} of rows "
            f"never seen: {_percent(said.more)} more."
        )
    return Finding(
        code="T02",
        status=status,
        stage="train",
        why=why,
        estimate=area,
        rows=rows,
        threshold=Threshold(value=MEMBERSHIP, origin="built-in"),
        remedy="" if status == "clear" else "lower train.epochs or train.rank, drop repeats",
    )


def _percent(e: Estimate) -> str:
    return f"{100 * e.value:.0f} % [{100 * e.low:.0f}, {100 * e.high:.0f}]"


def _most_memorised(
    trace: FoldTrace, evaluation: int, *, least: float = BY_HEART, shown: int = 20
) -> tuple[str, ...]:
    """Rows whose loss is more than ``least`` nats a token lower when trained on, the most memorised first."""
    gap = held_out_loss(trace, evaluation) - trained_loss(trace, evaluation)
    order: Sequence[int] = np.argsort(-np.where(np.isfinite(gap), gap, -np.inf)).tolist()
    return tuple(trace.examples[i] for i in order[:shown] if gap[i] > least)
