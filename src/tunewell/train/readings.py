"""What the folds' losses say beyond a score: doubtful labels (D10), memorised rows (T02), a fragile gain (T06)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
NEIGHBOURS = 10
DOUBT = 3.5
"""D10: robust standard deviations above its neighbours from which a row is doubtful (Iglewicz and Hoaglin 1993)."""

DAMPING = 0.02
"""Nats a token added to both losses, so that targets that are certain either way say little."""

EARLY = 1
"""D10: the evaluation that ranks wrong targets, the first after training began.

Networks learn what rows have in common before what is particular to one, wrong labels among it (Arpit and others 2017,
ICML; Liu and others 2020, NeurIPS): later epochs rank worse, also on held-out rows (`bench.training.label_errors`).
"""

SHOWN = 200


def held_out_loss(trace: FoldTrace, evaluation: int) -> NDArray[np.float64]:
    """Loss of every row under the adapters that never saw it, shape (examples,).

    NaN where not measured.
    """
    return _mean(trace.losses[evaluation], trace.held_out)


def trained_loss(trace: FoldTrace, evaluation: int) -> NDArray[np.float64]:
    """Loss of every row under adapters that were trained on it, shape (examples,).

    NaN where not measured.
    """
    return _mean(trace.losses[evaluation], ~trace.held_out)


def _mean(losses: NDArray[Any], where: NDArray[np.bool_]) -> NDArray[np.float64]:
    use = np.isfinite(losses) & where
    total = np.where(use, losses, 0).astype(np.float64).sum(0)
    count = use.sum(0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


# --- D10 ------------------------------------------------------------------------------------------


def doubt(trace: FoldTrace, evaluation: int, *, prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """How little a row's own input helps to find its target, held out: the higher, the more doubtful.

    A row is measured by the adapter that never saw it: the logarithm of its loss over the loss of
    the same target without its input. A rare or long-winded target is as improbable without the
    input as with it; a wrong one is not made more probable by its input.

    Args:
        trace: Of the folds.
        evaluation: Which evaluation.
        prior: From `tunewell.train.prior.prior_losses`, shape (examples,).

    Returns:
        Shape (examples,); 0 = the input tells nothing, below 0 = it helps.
    """
    loss = held_out_loss(trace, evaluation)
    return np.asarray(np.log((loss + DAMPING) / (prior + DAMPING)))


def doubt_of_neighbours(
    trace: FoldTrace,
    evaluation: int,
    *,
    vectors: NDArray[np.floating[Any]],
    neighbours: int = NEIGHBOURS,
) -> NDArray[np.float64]:
    """How much less probable a row's target is than its neighbours' are, held out: the score where no prior is known.

    What is subtracted is what makes a row hard and has nothing to do with its label: the mean
    held-out loss of the rows with the most similar inputs.

    Args:
        trace: Of the folds.
        evaluation: Which evaluation.
        vectors: Of the inputs, shape (examples, width); only their directions after centring count.
        neighbours: How many.

    Returns:
        Nats per token, shape (examples,).
    """
    loss = held_out_loss(trace, evaluation)
    count = min(neighbours, len(loss) - 1)
    if count < 1:
        return np.zeros(len(loss))
    centred = np.asarray(vectors, np.float32) - np.mean(vectors, axis=0, dtype=np.float64).astype(
        np.float32
    )
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    expected = np.empty(len(loss))
    for start in range(0, len(loss), 1024):
        near = centred[start : start + 1024] @ centred.T
        near[np.arange(len(near)), start + np.arange(len(near))] = -np.inf
        place = np.argpartition(-near, count - 1, axis=1)[:, :count]
        expected[start : start + 1024] = np.nanmean(loss[place], axis=1)
    return loss - expected


def label_errors(
    trace: FoldTrace,
    evaluation: int,
    *,
    vectors: NDArray[np.floating[Any]] | None = None,
    prior: NDArray[np.float64] | None = None,
) -> Finding:
    """D10: rows whose target the held-out folds find improbable, the worst first.

    Args:
        trace: Of the folds.
        evaluation: Which evaluation.
        vectors: Of the inputs, for `doubt_of_neighbours`; not used where the prior is given.
        prior: Of the targets, for `doubt`.
    """
    from tunewell.stats import proportion

    if prior is not None:
        score = doubt(trace, evaluation, prior=prior)
        known, limit = np.isfinite(score), 0.0
        against = (
            "their own input makes no more probable, to the folds that never saw them, than an empty input or another "
            "row's"
        )
    elif vectors is not None:
        score = doubt_of_neighbours(trace, evaluation, vectors=vectors)
        known = np.isfinite(score)
        middle = float(np.median(score[known]))
        spread = 1.4826 * float(np.median(np.abs(score[known] - middle)))
        limit = middle + DOUBT * spread if spread > 0 else np.inf
        against = (
            "the folds that never saw them find much less probable than those of similar rows (by more than "
            f"{DOUBT:g} robust standard deviations)"
        )
    else:
        raise ValueError("label_errors takes the inputs' vectors or the targets' prior losses.")
    order = np.argsort(-np.where(known, score, -np.inf))
    doubtful = [int(i) for i in order if known[i] and score[i] > limit]
    estimate = proportion(len(doubtful), int(known.sum()))
    why = f"{len(doubtful)} of {int(known.sum())} rows have a target that {against}."
    return Finding(
        code="D10",
        status="found" if doubtful else "clear",
        stage="train",
        why=why,
        estimate=estimate,
        threshold=Threshold(value=0.0, origin="built-in"),
        rows=tuple(trace.examples[i] for i in doubtful[:SHOWN]),
        remedy="send them to review, the first ones first" if doubtful else "",
    )


# --- T02 ------------------------------------------------------------------------------------------


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
        runs: From `tunewell.train.loop.Job.longest_runs`, shape (adapters, examples).
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


# --- T06 ------------------------------------------------------------------------------------------


def fragility(trace: FoldTrace, evaluation: int, *, level: float = 0.95) -> Finding:
    """T06: does the gain on held-out rows hold from fold to fold? Each fold has rows and a starting point of its own.

    The interval is a t interval over folds, which have most of their training rows in common; it is
    therefore corrected as Nadeau and Bengio 2003 (Machine Learning 52, eq. 9) do: the variance is
    multiplied by 1 + K / (K - 1).
    """
    from scipy.special import stdtrit

    gain = (trace.losses[0] - trace.losses[evaluation]).astype(np.float64)
    use = np.isfinite(gain) & trace.held_out
    weight = np.where(use, trace.tokens[None], 0).astype(np.float64)
    folds = (np.where(use, gain, 0) * weight).sum(1) / np.maximum(weight.sum(1), 1)
    k, value = len(folds), float(folds.mean())
    spread = float(folds.std(ddof=1)) if k > 1 else np.inf
    half = (
        float(stdtrit(max(k - 1, 1), (1 + level) / 2))
        * spread
        * float(np.sqrt(1 / k + 1 / max(k - 1, 1)))
    )
    estimate = Estimate(
        value=value,
        low=value - half,
        high=value + half,
        level=level,
        n=k,
        unit="nats/token",
        method="t interval over folds, corrected for shared training rows",
    )
    status = "clear" if estimate.low > 0 else "found"
    why = (
        f"Held-out gain of the folds over the base model: {estimate} nats a token "
        f"(from {folds.min():.3g} to {folds.max():.3g} between folds)."
    )
    return Finding(
        code="T06",
        status=status,
        stage="train",
        why=why,
        estimate=estimate,
        threshold=Threshold(value=0.0, origin="built-in"),
        remedy="" if status == "clear" else "more folds, more rows, or claim less",
    )
