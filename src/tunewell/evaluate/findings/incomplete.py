"""E11: held-out rows without a whole answer, by arm."""

from __future__ import annotations

from collections import Counter
from typing import Final

from tunewell.evaluate.findings.common import STAGE, clear
from tunewell.evaluate.foreign.answers import CUT_OFF
from tunewell.evaluate.people_scores import CANDIDATE
from tunewell.evaluate.scored_arms import ScoredArms
from tunewell.plurals import per_cent
from tunewell.stats import mean
from tunewell.task import TaskFile
from tunewell.types import Finding, Prediction, Threshold

CODE = "E11"
_LONGEST_KIND: Final = 40


def incomplete(measured: ScoredArms) -> list[Finding]:
    """E11: for each arm the share of rows whose output is missing, cut off, refused or unreadable.

    Above ``evaluate.max_incomplete`` it blocks: of the candidate, and of every arm that a gate
    compares it with, unless that arm was cut off at our own token limit alone, which is part of how
    it answers.
    """
    found = [_of_arm(measured, arm) for arm in _arms(measured)]
    lacking = [finding for finding in found if finding is not None]
    return lacking or [clear(CODE, "Every held-out row has a whole answer of every arm.")]


def _arms(measured: ScoredArms) -> list[str]:
    return list(dict.fromkeys(p.arm for p in measured.predictions))


def kind_of_gap(prediction: Prediction) -> str:
    """What is wrong with an output; empty if nothing is.

    Example:
        >>> cut = Prediction(example="1", arm="tuned", text="The", finish="length")
        >>> kind_of_gap(cut)
        'cut off'
    """
    if prediction.finish == "length":
        return CUT_OFF
    if prediction.finish != "error":
        return ""
    return prediction.reason.partition(":")[0][:_LONGEST_KIND] or "failed"


def _of_arm(measured: ScoredArms, arm: str) -> Finding | None:
    answers = measured.answers(arm)
    gaps = {row.id: kind_of_gap(answers[row.id]) for row in measured.rows if row.id in answers}
    kinds = Counter(kind for kind in gaps.values() if kind)
    if not kinds:
        return None
    file = measured.file
    share = mean(
        [float(bool(kind)) for kind in gaps.values()],
        low=0,
        high=1,
        level=measured.level,
    )
    limit = file.spec.evaluate.max_incomplete
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return Finding(
        code=CODE,
        status="found",
        stage=STAGE,
        why=f"{kinds.total()} of {len(gaps)} held-out rows have no whole answer of the arm {arm!r} "
        f"({told}); {per_cent(limit)} are allowed.",
        estimate=share.model_copy(update={"unit": "share of rows"}),
        threshold=Threshold(value=limit, origin=file.where("evaluate.max_incomplete")),
        rows=tuple(row for row, kind in gaps.items() if kind),
        remedy=_remedy(measured, kinds),
        blocking=share.value > limit and _decides(measured, arm, kinds),
    )


def _decides(measured: ScoredArms, arm: str, kinds: Counter[str]) -> bool:
    """Whether a gate turns on this arm."""
    if arm == CANDIDATE:
        return True
    if arm not in _compared_with(measured.file):
        return False
    return measured.made_elsewhere or set(kinds) != {CUT_OFF}


def _compared_with(file: TaskFile) -> set[str]:
    return {gate.against for gate in file.spec.gates if gate.metric and gate.kind != "level"}


def _remedy(measured: ScoredArms, kinds: Counter[str]) -> str:
    if CUT_OFF in kinds and not measured.made_elsewhere:
        return "raise evaluate.max_new_tokens, or make the model end its answers"
    return "give the missing outputs: run the model again on the rows named"
