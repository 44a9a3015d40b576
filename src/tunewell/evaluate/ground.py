"""How clean the ground of a verdict is: findings on the data that trained and tested the model.

A gate that holds on data which `tunewell doctor` would block proves little: it becomes INCONCLUSIVE
until the data are clean, or somebody has accepted the finding in writing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tunewell.pitfalls import CATALOGUE
from tunewell.types import Criterion, Evaluation, Finding
from tunewell.types.turns import conversation_id

STOPS = frozenset({"D07", "D11"})
"""Data findings that stop a release whatever was measured: what a model has learnt it can say, and
a test row that was trained on is no test.
"""


def is_of_the_ground(finding: Finding) -> bool:
    """Whether a finding that blocks speaks of the data under the figures."""
    if finding.code in STOPS:
        return False
    return CATALOGUE[finding.code].area == "data"


def on_clean_ground(
    criteria: Iterable[Criterion],
    findings: Sequence[Finding],
    evaluation: Evaluation,
) -> tuple[Criterion, ...]:
    """The criteria; those that hold on data which a finding blocks are INCONCLUSIVE.

    A finding on rows that trained the model touches every gate. One on held-out rows alone touches
    the gates that were measured on them.

    Args:
        criteria: As measured.
        findings: Of all stages; accepted ones no longer count.
        evaluation: Whose rows and slices.
    """
    unclean = [f for f in findings if f.blocking and f.status == "found" and is_of_the_ground(f)]
    rows = _RowsOfSlices(evaluation)
    judged = []
    for criterion in criteria:
        under = [f for f in unclean if rows.touch(f, criterion)]
        judged.append(_held_back(criterion, under) if under else criterion)
    return tuple(judged)


def ways_out(finding: Finding) -> str:
    """What an owner can do about a finding on the data: clean them, or answer for it.

    Example:
        >>> found = Finding(code="D04", status="found", stage="curate", why="", remedy="clean it")
        >>> ways_out(found)
        "clean it; or, as a known risk: tunewell accept D04 --reason '…' --until YYYY-MM-DD"
    """
    accept = f"tunewell accept {finding.code} --reason '…' --until YYYY-MM-DD"
    return f"{finding.remedy or 'clean the rows'}; or, as a known risk: {accept}"


def _held_back(criterion: Criterion, findings: Sequence[Finding]) -> Criterion:
    if criterion.outcome != "GO":
        return criterion
    names = [f"{f.code} {CATALOGUE[f.code].name}" for f in findings]
    codes = ", ".join(dict.fromkeys(f.code for f in findings))
    return criterion.model_copy(
        update={
            "outcome": "INCONCLUSIVE",
            "why": f"{criterion.why} But the data under it are not clean: {', '.join(names)}.",
            "needs": f"clean data ({codes}), or {codes} accepted in writing",
        }
    )


class _RowsOfSlices:
    """Which held-out rows each gate was measured on."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._rows = [conversation_id(row) for row in evaluation.rows]
        self._slices = evaluation.slices

    def touch(self, finding: Finding, criterion: Criterion) -> bool:
        """Whether a finding speaks of rows that stand behind a criterion."""
        shown = set(finding.rows)
        trained_on = shown - set(self._rows)
        if trained_on or not shown:
            return True
        return not shown.isdisjoint(self._of(criterion.slice))

    def _of(self, part: str) -> list[str]:
        field, _, value = part.partition("=")
        values = self._slices.get(field, ())
        if not part or len(values) != len(self._rows):
            return self._rows
        return [row for row, own in zip(self._rows, values, strict=True) if own == value]
