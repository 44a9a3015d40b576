"""What curation saw, pitfall by pitfall, with its figure, its rows, where the limit came from and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunewell.curate.leaks import Leak
from tunewell.curate.rows import InputRow, Ledger
from tunewell.curate.superseded import REPORTED
from tunewell.pitfalls import pitfall
from tunewell.task import TaskFile
from tunewell.types import Estimate, Finding, Threshold

_RULE = {
    "D01": "rules.kinds",
    "D03": "rules.exact_duplicates",
    "D04": "rules.near_duplicates",
    "D05": "rules.boilerplate",
    "D06": "rules.max_age",
    "D07": "rules.personal",
    "D08": "rules.broken",
    "D09": "rules.contradictions",
}
_MOST = 2_000
"""Row ids kept in a Finding; the receipts have them all."""


def findings(
    file: TaskFile,
    ledger: Ledger,
    *,
    read: int,
    families: Mapping[str, Sequence[Sequence[InputRow]]],
    leaks: Sequence[Leak],
    tests: int,
    spans: Sequence[Mapping[str, str | int]],
) -> list[Finding]:
    """A Finding for every pitfall that curation looks at."""
    found = [_finding(code, file, ledger, read) for code in _RULE]
    found.append(_leaks(leaks, read, tests))
    result = []
    for finding in found:
        changes: dict[str, object] = {}
        if groups := families.get(finding.code):
            changes["families"] = tuple(tuple(row.id for row in group) for group in groups[:_MOST])
        if finding.code == "D05" and groups:
            changes |= _made_from_templates(finding, groups, file, read)
        if finding.code == "D07":
            changes["spans"] = tuple(spans[:_MOST])
        result.append(finding.model_copy(update=changes))
    return sorted(result, key=lambda f: f.code)


def _finding(code: str, file: TaskFile, ledger: Ledger, read: int) -> Finding:
    rules = file.spec.rules
    known = pitfall(code)
    rows = tuple(dict.fromkeys(ledger.rows.get(code, ())))
    unset = {
        "D01": not rules.kinds.keep and not rules.kinds.drop,
        "D06": rules.max_age is None and not rows,
    }.get(code, False)
    threshold = Threshold(value=0.0, origin=file.where(_RULE[code]))
    if unset:
        return Finding(
            code=code,
            status="unchecked",
            stage="curate",
            why=f"{_RULE[code]} is not set",
            remedy=known.command or known.remedy,
        )
    n = len(rows)
    estimate = Estimate.exact(float(n), n=read)
    if not n:
        return Finding(
            code=code,
            status="clear",
            stage="curate",
            why=f"none of {read} rows",
            estimate=estimate,
            threshold=threshold,
        )
    left = _left(code, file)
    why = f"{n} of {read} rows" + (
        " still in the data: the rule only reports" if left else f": {_done(code, file)}"
    )
    if reported := len(ledger.rows.get(REPORTED, ())) if code == "D06" else 0:
        why = f"{n - reported} of {read} rows: dropped; {reported} state a superseded fact and are still in the data"
        left = True
    remedy = (
        (known.command or known.remedy)
        if left
        else "nothing to do; tunewell why ROW shows what was done"
    )
    return Finding(
        code=code,
        status="found",
        stage="curate",
        why=why,
        estimate=estimate,
        threshold=threshold,
        rows=rows[:_MOST],
        remedy=remedy,
        blocking=left and code == "D07",
    )


def _made_from_templates(
    finding: Finding, groups: Sequence[Sequence[InputRow]], file: TaskFile, read: int
) -> dict[str, object]:
    """Tells rows of templates apart from rows with boilerplate: each has a rule of its own."""
    rule = file.spec.rules.templates
    made = {row.id for group in groups for row in group}
    footed = len(set(finding.rows) - made)
    parts = []
    if footed:
        done = "still in the data" if file.spec.rules.boilerplate == "report" else "stripped"
        parts.append(f"{footed} of {read} rows with boilerplate: {done}")
    fate = (
        f"at most {rule.max_per_family} of each are kept" if rule.max_per_family else "all are kept"
    )
    parts.append(f"{len(made)} of {read} rows are made from {len(groups)} templates: {fate}")
    remedy = (
        finding.remedy if rule.max_per_family else "rules.templates.max_per_family in tunewell.yaml"
    )
    origin = file.where(
        "rules.templates.max_per_family" if rule.max_per_family else "rules.boilerplate"
    )
    rows = tuple(dict.fromkeys([*finding.rows, *(row.id for group in groups for row in group)]))
    return {
        "status": "found",
        "why": "; ".join(parts),
        "remedy": remedy,
        "rows": rows[:_MOST],
        "estimate": Estimate.exact(float(len(made) + footed), n=read),
        "threshold": Threshold(value=0.0, origin=origin),
    }


def _left(code: str, file: TaskFile) -> bool:
    rules = file.spec.rules
    chosen = {
        "D03": rules.exact_duplicates,
        "D04": rules.near_duplicates,
        "D05": rules.boilerplate,
        "D07": rules.personal,
        "D08": rules.broken,
        "D09": rules.contradictions,
    }.get(code, "")
    return chosen == "report"


def _done(code: str, file: TaskFile) -> str:
    if code == "D07":
        return "masked" if file.spec.rules.personal == "mask" else "dropped"
    if code == "D08":
        return "rejected, repaired or dropped"
    return "stripped" if code == "D05" else "dropped"


def _leaks(leaks: Sequence[Leak], read: int, tests: int) -> Finding:
    if not tests:
        return Finding(
            code="D11",
            status="unchecked",
            stage="curate",
            why="no test set is given (data with role: test); split keeps families whole",
            remedy="tunewell split",
        )
    rows = tuple(leak.train.id for leak in leaks)
    pairs = tuple({"train": k.train.id, "eval": k.test.id, "kind": k.kind} for k in leaks)
    n = len(rows)
    return Finding(
        code="D11",
        status="found" if n else "clear",
        stage="curate",
        why=f"{n} of {read} rows were, or were close to, one of {tests} test rows: dropped"
        if n
        else f"no training row is close to one of {tests} test rows",
        estimate=Estimate.exact(float(n), n=read),
        threshold=Threshold(value=0.0, origin="built-in"),
        rows=rows[:_MOST],
        pairs=pairs[:_MOST],
        remedy="nothing to do; tunewell why ROW shows what was done" if n else "",
    )
