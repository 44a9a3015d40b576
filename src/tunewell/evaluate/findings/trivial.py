"""E10: no better than an answer that costs nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tunewell.evaluate.baselines import NEAREST, TO_BEAT
from tunewell.evaluate.findings.common import (
    STAGE,
    ZERO,
    deciding_metrics,
    is_better,
    is_worse,
    no_candidate,
    signed,
    unchecked,
)
from tunewell.evaluate.people_scores import CANDIDATE
from tunewell.evaluate.scored_arms import ScoredArms
from tunewell.plurals import per_cent
from tunewell.stats import bonferroni_level, mean
from tunewell.types import Estimate, Finding, Threshold

CODE = "E10"
NEARLY_ALL: Final = 0.9
"""Share of equal outputs from which on they count as one."""
FEWEST: Final = 10
"""With fewer outputs, equal ones may be chance."""
_LONGEST_SHOWN: Final = 60


def trivial(measured: ScoredArms) -> list[Finding]:
    """E10: constant outputs, and the candidate against the commonest answer and the copied input.

    The answer of the nearest training row is shown beside: a look-up may honestly win.
    """
    if CANDIDATE not in measured.table.arms:
        return [unchecked(CODE, no_candidate(measured))]
    found = _constant(measured)
    if found is not None:
        return [found]
    return [_against_baselines(measured)]


def _constant(measured: ScoredArms) -> Finding | None:
    """The finding that nearly all outputs are the same, where the gold answers are not."""
    answers = measured.answers(CANDIDATE)
    said = [answers[row.id] for row in measured.rows if row.id in answers]
    texts = [_plain(p.text) for p in said if p.finish != "error"]
    if len(texts) < FEWEST:
        return None
    gold = _share_of_commonest([_plain(row.target) for row in measured.rows])[1]
    text, share = _share_of_commonest(texts)
    if share < NEARLY_ALL or share - gold < 1 - NEARLY_ALL:
        return None
    same = [float(other == text) for other in texts]
    estimate = mean(same, low=0, high=1, level=measured.level)
    count = int(sum(same))
    return Finding(
        code=CODE,
        status="found",
        stage=STAGE,
        why=f"{count} of {len(texts)} outputs are the same: {text[:_LONGEST_SHOWN]!r}; of the gold "
        f"answers {per_cent(gold)} are.",
        estimate=estimate.model_copy(update={"unit": "share of outputs"}),
        threshold=Threshold(value=NEARLY_ALL, origin="built-in"),
        remedy="read the outputs; check prompt, template and training data",
        blocking=True,
    )


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _share_of_commonest(texts: Sequence[str]) -> tuple[str, float]:
    text, count = Counter(texts).most_common(1)[0]
    return text, count / len(texts)


@dataclass(frozen=True)
class _Beside:
    """The candidate beside one baseline on one metric."""

    metric: str
    baseline: str
    estimate: Estimate
    better: bool
    worse: bool

    def __str__(self) -> str:
        return f"{self.metric} against the {self.baseline} {signed(self.estimate)}"


def _against_baselines(measured: ScoredArms) -> Finding:
    table = measured.with_baselines
    names = [m for m in deciding_metrics(measured) if table.have(CANDIDATE, TO_BEAT[0], m)]
    if not names:
        why = "No metric that decides holds answers against gold answers."
        return unchecked(CODE, why)
    beside = list(_compared(measured, names, TO_BEAT))
    nearest = list(_compared(measured, names, [NEAREST]))
    if not beside:
        return unchecked(CODE, "Too few held-out families to compare.")
    note = _note_on_nearest(nearest)
    shown = _closest_of_beaten(beside)
    if shown is not None:
        return Finding(
            code=CODE,
            status="clear",
            stage=STAGE,
            why=f"The candidate beats answers that cost nothing: {shown}.{note}",
            estimate=shown.estimate,
            threshold=ZERO,
        )
    return _not_beaten([b for b in beside if not b.better], note)


def _closest_of_beaten(beside: Sequence[_Beside]) -> _Beside | None:
    """On the first metric by which all baselines are beaten, the one that comes closest."""
    by_metric: dict[str, list[_Beside]] = {}
    for one in beside:
        by_metric.setdefault(one.metric, []).append(one)
    for found in by_metric.values():
        if all(one.better for one in found):
            return min(found, key=lambda one: one.estimate.low)
    return None


def _compared(
    measured: ScoredArms,
    metrics: Sequence[str],
    baselines: Iterable[str],
) -> Iterable[_Beside]:
    """Decided at a level that all comparisons share (Bonferroni); shown at the project's own."""
    table = measured.with_baselines
    level = bonferroni_level(measured.level, len(metrics) * len(TO_BEAT))
    for baseline in baselines:
        for metric in metrics:
            if not table.have(CANDIDATE, baseline, metric):
                continue
            shown = table.compare(CANDIDATE, baseline, metric, level=measured.level)
            tested = table.compare(CANDIDATE, baseline, metric, level=level)
            if shown is not None and tested is not None:
                info = table.metrics[metric]
                better, worse = is_better(tested, info), is_worse(tested, info)
                yield _Beside(metric, baseline, shown, better, worse)


def _not_beaten(not_better: Sequence[_Beside], note: str) -> Finding:
    worse = [b for b in not_better if b.worse]
    shown = (worse or not_better)[0]
    said = "is worse than" if worse else "is not shown to beat"
    if not worse and (shown.estimate.low > 0 or shown.estimate.high < 0):
        said = "is not shown, once corrected for all comparisons, to beat"
    return Finding(
        code=CODE,
        status="found",
        stage=STAGE,
        why=f"The candidate {said} an answer that costs nothing: {shown}.{note}",
        estimate=shown.estimate,
        threshold=ZERO,
        remedy="look at the outputs; do not ship; or more held-out rows",
        blocking=True,
    )


def _note_on_nearest(nearest: Sequence[_Beside]) -> str:
    """What the look-up would have scored, as a warning where it is not beaten."""
    for beside in nearest:
        if not beside.better:
            return f" Warning: it is not shown to beat a look-up either: {beside}."
    return f" A look-up is beaten as well: {nearest[0]}." if nearest else ""
