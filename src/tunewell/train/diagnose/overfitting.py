"""T01 and T07: is what was learned worth anything on rows not trained on, and was the right thing trained at all."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tunewell.train.diagnose.losses import clustered_mean, loss_estimate
from tunewell.types import Estimate, Finding, FoldTrace, Threshold

CARRIED = 0.5
"""T01: least share of the gain on trained rows that must show on held-out rows."""


def carried_share(
    trace: FoldTrace, evaluation: int, *, families: Mapping[str, str], level: float = 0.95
) -> Estimate:
    """Gain on held-out rows as a share of the gain on rows trained on, between the start and one evaluation.

    Fieller's interval of a ratio, families being the units; it is unbounded where the gain on
    trained rows is not itself certain.
    """
    from scipy.special import stdtrit

    gain = (trace.losses[0] - trace.losses[evaluation]).astype(np.float64)
    known = np.isfinite(gain)
    names = sorted({families.get(e, e) for e in trace.examples})
    index = {n: i for i, n in enumerate(names)}
    cluster = np.asarray([index[families.get(e, e)] for e in trace.examples])
    sums = {}
    for kind, mask in (("out", trace.held_out), ("in", ~trace.held_out)):
        use = known & mask
        _, rows = np.nonzero(use)
        weight = trace.tokens[rows].astype(np.float64)
        mean = float((gain[use] * weight).sum() / max(weight.sum(), 1.0))
        spread = np.bincount(
            cluster[rows], weight * (gain[use] - mean), minlength=len(names)
        ) / max(weight.sum(), 1.0)
        sums[kind] = (mean, spread)
    (out, d_out), (inside, d_in) = sums["out"], sums["in"]
    n = len(names)
    t2 = float(stdtrit(max(n - 1, 1), (1 + level) / 2)) ** 2 * n / max(n - 1, 1)
    v_out, v_in, v_both = (
        float((d_out**2).sum()),
        float((d_in**2).sum()),
        float((d_out * d_in).sum()),
    )
    a = inside**2 - t2 * v_in
    b = out * inside - t2 * v_both
    c = out**2 - t2 * v_out
    value = out / inside if inside else 0.0
    low, high = -np.inf, np.inf
    if a > 0 and b * b >= a * c:
        root = float(np.sqrt(b * b - a * c))
        low, high = (b - root) / a, (b + root) / a
    return Estimate(
        value=value,
        low=min(low, value),
        high=max(high, value),
        level=level,
        n=n,
        method="Fieller over families",
        unit="share",
    )


def overfitting(
    trace: FoldTrace, evaluation: int, *, families: Mapping[str, str], scope: str
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
    share = carried_share(trace, evaluation, families=families)
    start = loss_estimate(trace, 0, held_out=True, families=families)
    status = "found" if share.high < CARRIED else "clear" if share.low >= CARRIED else "unchecked"
    if held.value >= start.value:
        status = "found"
    why = (
        f"After {trace.epochs[evaluation]:g} epochs the loss is {train} nats a token on rows trained on and {held} on "
        f"held-out rows (before: {start}), {scope}: {share} of what was gained on trained rows carries over."
    )
    if status == "unchecked":
        why += f" Too few rows to say whether that is at least {CARRIED:g}."
    rising = _rising(trace, evaluation, families)
    return Finding(
        code="T01",
        status=status,
        stage="train",
        why=why + rising,
        estimate=share,
        threshold=Threshold(value=CARRIED, origin="built-in"),
        remedy="lower train.epochs or raise train.dropout, then: tunewell train",
    )


def _rising(trace: FoldTrace, best: int, families: Mapping[str, str]) -> str:
    """Whether the held-out loss rose after the chosen evaluation, in a sentence.

    Empty if nothing came after.
    """
    if best + 1 >= len(trace.epochs):
        return ""
    change = (trace.losses[-1] - trace.losses[best]).astype(np.float64)
    use = np.isfinite(change) & trace.held_out
    _, rows = np.nonzero(use)
    rise = clustered_mean(
        change[use],
        trace.tokens[rows].astype(np.float64),
        [families.get(trace.examples[r], trace.examples[r]) for r in rows],
    )
    sure = "rises" if rise.low > 0 else "does not fall any further for certain"
    return f" Beyond that the held-out loss {sure}: {rise} by epoch {trace.epochs[-1]:g}."
