"""T01 and T07: is what was learned worth anything on rows not trained on, and was the right thing trained at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.model.chat import PLAIN_TEMPLATE, chat_format
from tunewell.train.rows import Rows, TrainRow
from tunewell.types import Estimate, Example, Finding, FoldTrace, Threshold

CARRIED = 0.5
"""T01: least share of the gain on trained rows that must show on held-out rows."""


def clustered_mean(
    values: NDArray[np.floating[Any]],
    weights: NDArray[np.floating[Any]],
    clusters: Sequence[str],
    *,
    level: float = 0.95,
    unit: str = "nats/token",
) -> Estimate:
    """Weighted mean with a t interval over clusters (families), whose rows are not independent.

    The linearised variance of a ratio (Cochran 1977, Sampling Techniques, eq. 6.13), a cluster
    being the unit.

    Example:
        >>> print(clustered_mean(np.array([1.0, 2.0, 3.0, 2.0]), np.ones(4), ["a", "a", "b", "c"]))
        2 [0.137, 3.86]
    """
    from scipy.special import stdtrit

    names, place = np.unique(np.asarray(clusters), return_inverse=True)
    total = float(weights.sum())
    mean = float((values * weights).sum() / total)
    sums = np.bincount(place, weights * (values - mean), minlength=len(names))
    if len(names) < 2:
        return Estimate(
            value=mean,
            low=-np.inf,
            high=np.inf,
            level=level,
            n=len(names),
            method="one family only",
            unit=unit,
        )
    half = float(stdtrit(len(names) - 1, (1 + level) / 2)) * np.sqrt(
        len(names) / (len(names) - 1) * float((sums**2).sum())
    )
    half /= total
    return Estimate(
        value=mean,
        low=mean - half,
        high=mean + half,
        level=level,
        n=len(names),
        method="t interval over families",
        unit=unit,
    )


def loss_estimate(
    trace: FoldTrace, evaluation: int, *, held_out: bool, families: Mapping[str, str]
) -> Estimate:
    """Mean nats per target token at one evaluation, over held-out pairs or over trained-on pairs."""
    losses = trace.losses[evaluation]
    use = np.isfinite(losses) & (trace.held_out if held_out else ~trace.held_out)
    _, rows = np.nonzero(use)
    return clustered_mean(
        losses[use].astype(np.float64),
        trace.tokens[rows].astype(np.float64),
        [families.get(trace.examples[r], trace.examples[r]) for r in rows],
    )


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


def plumbing(examples: Sequence[Example], rows: Rows, tokenizer: Any, *, limit: int) -> Finding:
    """T07: template, loss mask, end of turn, lengths, unknown tokens, in the very arrays that are trained on."""
    chat = chat_format(tokenizer)
    faults: list[str] = []
    bad: list[str] = []
    by_id = {e.id: e for e in examples}
    for row in rows.rows:
        fault = _row_fault(row, by_id[row.id].target, chat)
        if fault:
            faults.append(fault) if fault not in faults else None
            bad.append(row.id)
    if tokenizer.chat_template == PLAIN_TEMPLATE:
        faults.append("the base model has no chat template: it is trained on a plain one of ours")
    unknown = getattr(tokenizer, "unk_token_id", None)
    if unknown is not None and unknown not in chat.end_ids:
        with_unknown = [r.id for r in rows.rows if unknown in r.ids]
        if with_unknown:
            faults.append(
                f"{len(with_unknown)} rows hold characters that the tokenizer does not know"
            )
            bad += with_unknown
    total = len(rows.rows) + len(rows.too_long) + len(rows.empty) + len(rows.refused)
    if rows.refused:
        shown = ", ".join(rows.refused[:5])
        faults.append(
            f"the model's chat template refuses the turns of {len(rows.refused)} of {total} rows, "
            f"which are not used: {shown}"
        )
        bad += rows.refused
    left_out = len(rows.too_long)
    if left_out > 0.05 * total:
        faults.append(
            f"{left_out} of {total} rows exceed train.max_tokens = {limit} and are not used"
        )
        bad += rows.too_long
    good = (
        f"Loss on the target and its end of turn alone in {len(rows.rows)} of {len(rows.rows)} rows, no padding, "
        f"template of the base model; {left_out} of {total} rows longer than {limit} tokens."
    )
    return Finding(
        code="T07",
        status="found" if faults else "clear",
        stage="train",
        why="; ".join(faults).capitalize() + "." if faults else good,
        rows=tuple(dict.fromkeys(bad)),
        estimate=Estimate.exact(len(set(bad)), n=total),
        threshold=Threshold(value=0, origin="built-in"),
        remedy="raise train.max_tokens or shorten the rows" if left_out > 0.05 * total else "",
    )


def _row_fault(row: TrainRow, target: str, chat: Any) -> str:
    """What is wrong with the arrays of one row; empty if nothing is."""
    if row.ids[-1] != chat.end_of_turn:
        return "a row does not end with the end of turn"
    if not 0 < row.start < len(row.ids):
        return "a row has no prompt or no target token"
    if " ".join(chat.decode(row.ids[row.start : -1].tolist()).split()) != " ".join(target.split()):
        return "the tokens under the loss do not spell the target"
    return ""


def depth(lost: Estimate, *, share: float, faster: float) -> str:
    """What the depth of the final adapter buys, in words.

    Where it buys nothing measurable, the cheaper one is offered.

    Args:
        lost: Held-out loss of adapters on the top ``share`` of the layers minus that at the final
            depth, same rows.
        share: Of the layers.
        faster: How many times fewer layers those are.

    Example:
        >>> lost = Estimate(value=0.01, low=-0.02, high=0.04, n=60, method="paired t", unit="nats/token")
        >>> depth(lost, share=0.25, faster=4.0).split(": ", 1)[1]
        'train.layers: 0.25 would train up to 4 times as fast.'
    """
    on = f"adapters on the top {100 * share:.0f} % of the layers"
    if lost.low > 0:
        return f"Depth pays: on the held-out rows of fold 0, {on} lose {lost} nats a token against the final depth."
    return (
        f"On the held-out rows of fold 0, {on} are not measurably worse than those of the final depth "
        f"({lost} nats a token): train.layers: {share:g} would train up to {faster:.2g} times as fast."
    )
