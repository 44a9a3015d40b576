"""T06: does the gain hold from fold to fold?"""

from __future__ import annotations

import numpy as np

from tunewell.types import Estimate, Finding, FoldTrace, Threshold


def fragility(
    trace: FoldTrace,
    evaluation: int,
    *,
    level: float = 0.95,
) -> Finding:
    """T06: does the gain on held-out rows hold from fold to fold?

    Each fold has rows and a starting point of its own.

    The interval is a t interval over folds, which have most of their training rows in common; it is
    therefore corrected as Nadeau and Bengio 2003 (Machine Learning 52, eq. 9) do: the variance is
    multiplied by 1 + K / (K - 1).
    """
    from tunewell.stats.special import stdtrit

    gain = (trace.losses[0] - trace.losses[evaluation]).astype(np.float64)
    use = np.isfinite(gain) & trace.held_out
    weight = np.where(use, trace.tokens[None], 0).astype(np.float64)
    total = (np.where(use, gain, 0) * weight).sum(1)
    folds = total / np.maximum(weight.sum(1), 1)

    k = len(folds)
    others = max(k - 1, 1)
    value = float(folds.mean())
    spread = float(folds.std(ddof=1)) if k > 1 else np.inf
    t = float(stdtrit(others, (1 + level) / 2))
    half = t * spread * float(np.sqrt(1 / k + 1 / others))
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
    return Finding(
        code="T06",
        status=status,
        stage="train",
        why=(
            f"Held-out gain of the folds over the base model: {estimate} nats a token "
            f"(from {folds.min():.3g} to {folds.max():.3g} between folds)."
        ),
        estimate=estimate,
        threshold=Threshold(value=0.0, origin="built-in"),
        remedy="" if status == "clear" else "more folds, more rows, or claim less",
    )
