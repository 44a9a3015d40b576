"""A judge held to people (E02): how far its verdicts agree with theirs, and figures corrected by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tunewell.stats import bootstrap, corrected_difference, corrected_mean, proportion
from tunewell.types import Estimate, Finding, MetricInfo, Value

Standing = Literal["validated", "refuted", "open"]
FEWEST = 30
"""Fewer verdicts of people than this validate nothing."""
FLOOR = 0.70
"""Of balanced accuracy (the mean of sensitivity and specificity): one half is guessing."""
MOST_SILENT = 0.05
"""Of the outputs that it was asked about: a judge without a verdict on more is not validated."""
CORRELATION_FLOOR = 0.50
"""Of the rank correlation, for scales of more than two values."""


class Validation(Value):
    """How a judge stands to people on one criterion.

    Attributes:
        criterion: Which.
        standing: ``validated`` when the interval lies above the floor, ``refuted`` below it, else
            ``open``.
        verdicts: How many outputs both have judged.
        sensitivity: Of the outputs that people pass, the share that the judge passes (yes/no
            criteria).
        specificity: Of the outputs that people fail, the share that the judge fails.
        agreement: Balanced accuracy, or rank correlation on longer scales; what is held against the
            floor.
        floor: The limit.
        silent: Share of the outputs on which the judge gave no verdict.
        needs: What would settle it; empty when settled.
    """

    criterion: str
    standing: Standing
    verdicts: int
    sensitivity: Estimate | None = None
    specificity: Estimate | None = None
    agreement: Estimate | None = None
    floor: float = FLOOR
    silent: float = 0.0
    needs: str = ""


def validate_judge(
    criterion: MetricInfo,
    judge: Sequence[float],
    human: Sequence[float],
    *,
    clusters: Sequence[str] | None = None,
    level: float = 0.95,
) -> Validation:
    """Hold a judge's verdicts against people's on the same outputs.

    Args:
        criterion: Range 0 to 1 means yes/no.
        judge: The judge's values; NaN where it gave none (that counts as a wrong verdict on a
            yes/no criterion, and a judge silent on more than `MOST_SILENT` is not validated).
        human: People's values (of several raters the mean), NaN where nobody has spoken.
        clusters: Family of each output.
        level: Of every interval.

    Example:
        >>> info = MetricInfo(name="useful", title="useful")
        >>> human = [1.0] * 60 + [0.0] * 60
        >>> found = validate_judge(info, [1.0] * 55 + [0.0] * 62 + [1.0] * 3, human)
        >>> found.standing, round(found.sensitivity.value, 2), round(found.specificity.value, 2)
        ('validated', 0.92, 0.95)
        >>> validate_judge(info, human[:10], human[:10]).needs
        'about 20 more outputs judged by people, good ones and bad ones'
    """
    j, h = np.asarray(judge, np.float64), np.asarray(human, np.float64)
    both = ~np.isnan(h)
    binary = (criterion.low, criterion.high) == (0.0, 1.0)
    both &= (h != 0.5) if binary else ~np.isnan(j)
    x, y = j[both], h[both]
    families = (
        [c for c, b in zip(clusters, both, strict=True) if b] if clusters is not None else None
    )
    n = int(both.sum())
    silent = float(np.isnan(j).mean()) if j.size else 0.0
    floor = FLOOR if binary else CORRELATION_FLOOR
    if n < FEWEST or len(set((y >= 0.5).tolist() if binary else y.tolist())) < 2:
        missing = max(FEWEST - n, 1)
        needs = f"about {missing} more outputs judged by people, good ones and bad ones"
        return Validation(
            criterion=criterion.name,
            standing="open",
            verdicts=n,
            floor=floor,
            silent=silent,
            needs=needs,
        )
    sensitivity = specificity = None
    if binary:
        good = y >= 0.5
        right = np.where(np.isnan(x), False, (x >= 0.5) == good)
        sensitivity = proportion(int(right[good].sum()), int(good.sum()), level=level)
        specificity = proportion(int(right[~good].sum()), int((~good).sum()), level=level)
        agreement = _balanced(sensitivity, specificity, n)
    else:
        agreement = bootstrap(
            np.column_stack([x, y]), _spearman, clusters=families, level=level, repeats=500
        )
    standing: Standing = "open"
    needs = ""
    if agreement.low >= floor and silent > MOST_SILENT:
        needs = (
            f"verdicts of the judge on at least {1 - MOST_SILENT:.0%} of the outputs; the reason "
            "of each failure is beside its score"
        )
    elif agreement.low >= floor:
        standing = "validated"
    elif agreement.high < floor:
        standing = "refuted"
    else:
        half, distance = (
            (agreement.high - agreement.low) / 2,
            max(0.02, abs(agreement.value - floor)),
        )
        needs = (
            f"about {max(10, int(n * (half / distance) ** 2) - n)} more outputs judged by people"
        )
    return Validation(
        criterion=criterion.name,
        standing=standing,
        verdicts=n,
        sensitivity=sensitivity,
        specificity=specificity,
        agreement=agreement,
        floor=floor,
        silent=silent,
        needs=needs,
    )


def _balanced(sensitivity: Estimate, specificity: Estimate, n: int) -> Estimate:
    """Mean of two independent shares, their limits joined by squaring and adding (Zou & Donner 2008)."""
    value = (sensitivity.value + specificity.value) / 2
    down = np.hypot(sensitivity.value - sensitivity.low, specificity.value - specificity.low) / 2
    up = np.hypot(sensitivity.high - sensitivity.value, specificity.high - specificity.value) / 2
    return Estimate(
        value=value,
        low=max(0.0, value - float(down)),
        high=min(1.0, value + float(up)),
        level=sensitivity.level,
        n=n,
        method="mean of two Wilson intervals",
    )


def _spearman(x: NDArray[np.float64]) -> float:
    from scipy.stats import rankdata

    a, b = rankdata(x[:, 0]), rankdata(x[:, 1])
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0


def corrected_level(
    info: MetricInfo,
    judge: NDArray[np.float64],
    human: NDArray[np.float64],
    *,
    clusters: Sequence[str] | None = None,
    level: float = 0.95,
) -> Estimate | None:
    """What people would say on average: the judge's verdicts on all rows, people's on some.

    None with under two.
    """
    if int((~np.isnan(human)).sum()) < 2:
        return None
    made = corrected_mean(
        judge=judge, human=human, clusters=clusters, level=level, low=info.low, high=info.high
    )
    return made.model_copy(update={"unit": info.unit})


def corrected_gain(
    info: MetricInfo,
    judge: tuple[NDArray[np.float64], NDArray[np.float64]],
    human: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    clusters: Sequence[str] | None = None,
    level: float = 0.95,
) -> Estimate | None:
    """The paired difference that people would find between two arms.

    None with under two pairs judged by people.
    """
    if int((~np.isnan(human[0]) & ~np.isnan(human[1])).sum()) < 2:
        return None
    made = corrected_difference(
        judge_a=judge[0],
        judge_b=judge[1],
        human_a=human[0],
        human_b=human[1],
        clusters=clusters,
        level=level,
        low=info.low,
        high=info.high,
    )
    return made.model_copy(update={"unit": info.unit})


def judge_findings(
    validations: Mapping[str, Validation], failures: Mapping[str, str] | None = None
) -> list[Finding]:
    """E02 for every criterion that a model judges.

    Args:
        validations: By criterion.
        failures: Why the judge of a criterion most often gave no verdict.
    """
    reasons = failures or {}
    out = []
    for name, v in validations.items():
        shown = (
            f"agreement with people {v.agreement}"
            if v.agreement
            else f"{v.verdicts} verdicts of people"
        )
        if v.silent:
            reason = reasons.get(name, "")
            told = f" ({reason})" if reason else ""
            shown += f", no verdict on {v.silent:.1%} of the outputs{told}"
        good = v.standing == "validated"
        out.append(
            Finding(
                code="E02",
                status="clear" if good else "found",
                stage="evaluate",
                why=f"The judge of {name} is {'' if good else 'not '}validated: {shown}; the floor is {v.floor:g}.",
                estimate=v.agreement,
                remedy=""
                if good
                else v.needs or "mend the judge's question, or take another judge",
            )
        )
    return out
