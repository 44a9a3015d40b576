"""From intervals to a verdict: GO and NO-GO need the interval on one side of the threshold.

A wrong GO and a wrong NO-GO are each held to half of one minus the level (2.5 % at .95), however
many gates there are:

* GO needs *every* criterion to hold, each at the full level: the chance that all of them hold
  wrongly is at most that of one (intersection-union test; Berger 1982, Technometrics 24). No
  correction is due.
* NO-GO needs *one* criterion to fail, so a failure is claimed only at a level corrected for how
  many there are (Bonferroni).
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tunewell.evaluate.acceptance import with_acceptances
from tunewell.evaluate.checks import definition_finding, guards, threshold_of
from tunewell.evaluate.findings import POWER_Z
from tunewell.evaluate.judged import commonest_failure, corrected, judges, people_of, validation_of
from tunewell.evaluate.people import at_any_look, criterion_info, judgements, people_scores
from tunewell.evaluate.table import Mask, Table, table_of
from tunewell.evaluate.validate import judge_findings
from tunewell.stats import sample_size_share_against
from tunewell.stats.inputs import critical
from tunewell.store import Store
from tunewell.task import Gate, TaskFile
from tunewell.types import (
    Criterion,
    Estimate,
    Evaluation,
    Finding,
    Judgement,
    Outcome,
    Score,
    Threshold,
    Verdict,
)

CANDIDATE = "tuned"
EVIDENCE = frozenset({"E01", "E02", "E03", "E04", "E09", "D16", "L01"})
"""Blocking findings that speak of the evidence, not of the model: they make a verdict INCONCLUSIVE, not NO-GO."""
MOST_ROWS = 100_000
FEWEST_JUDGED = 30


@dataclass(frozen=True)
class _Case:
    """Everything that a gate is decided from."""

    table: Table
    file: TaskFile
    said: Sequence[Judgement]
    claims: int

    @property
    def level(self) -> float:
        return self.file.spec.evaluate.level

    @property
    def corrected(self) -> float:
        return 1 - (1 - self.level) / max(1, self.claims)


def decide(
    evaluation: Evaluation,
    file: TaskFile,
    store: Store,
    findings: Sequence[Finding],
    *,
    today: dt.date | None = None,
) -> Verdict:
    """The verdict of the gates over an evaluation.

    Args:
        evaluation: All arms on the same rows.
        file: The definition with its gates.
        store: Holds the scores, approvals, acceptances and people's verdicts.
        findings: Of all stages; E01 is made anew, since approvals come after evaluations.
        today: Decides which acceptances have run out; the date in UTC if None.

    Returns:
        GO if every criterion is GO and nothing blocks; NO-GO if one criterion is or a finding about
        the model blocks; else INCONCLUSIVE, with what would settle it.
    """
    day = today or dt.datetime.now(dt.UTC).date()
    said = judgements(store, evaluation.rows, predictions=evaluation.predictions)
    table = _table(evaluation, file, store, said)
    criteria = judge_gates(table, file, said=said)
    kept = [f for f in [*findings, *stress_of(evaluation, store)] if f.code != "E01"]
    judged = {
        m: validation_of(table, m, level=file.spec.evaluate.level)
        for m in sorted(judges(file))
        if m in table.metrics
    }
    scores = store.get_value(evaluation.scores, list[Score]) if judged else []
    failures = {metric: commonest_failure(scores, metric) for metric in judged}
    fresh = [definition_finding(file, evaluation.metrics, store), *judge_findings(judged, failures)]
    known = with_acceptances([*kept, *fresh], store, today=day)
    return _combine(criteria, known, table, file)


def stress_of(evaluation: Evaluation, store: Store) -> tuple[Finding, ...]:
    """What the newest stress test of the same model found (E05); nothing if there was none."""
    mine = next(
        (
            r
            for r in reversed(store.runs(stage="evaluate"))
            if evaluation.scores in r.outputs.values()
        ),
        None,
    )
    last = store.last_run("stress")
    if mine is None or last is None or last.inputs.get("adapter") != mine.inputs.get("adapter"):
        return ()
    return last.findings


def judge_gates(
    table: Table, file: TaskFile, *, said: Sequence[Judgement] = ()
) -> tuple[Criterion, ...]:
    """Every gate decided, slices included, each from its interval.

    Args:
        table: The scores of all arms, people's among them.
        file: The definition with its gates.
        said: People's verdicts, for gates with ``people: required``.
    """
    claims = sum(1 + (len(table.parts(g.slices)) if g.slices else 0) for g in file.spec.gates)
    case = _Case(table=table, file=file, said=said, claims=claims)
    return tuple(c for i, g in enumerate(file.spec.gates) for c in _criteria(case, i, g))


def outcome_of(criteria: Sequence[Criterion]) -> Outcome:
    """All together: NO-GO if one is, GO if all are, else (and without any) INCONCLUSIVE."""
    outcomes = {c.outcome for c in criteria}
    if "NO-GO" in outcomes:
        return "NO-GO"
    return "GO" if outcomes == {"GO"} else "INCONCLUSIVE"


def _table(
    evaluation: Evaluation, file: TaskFile, store: Store, said: Sequence[Judgement]
) -> Table:
    measured = {m.name for m in evaluation.metrics}
    spoken = [
        s.model_copy(update={"metric": people_of(s.metric)}) if s.metric in measured else s
        for s in people_scores(said, file.spec)
    ]
    scores = [*store.get_value(evaluation.scores, list[Score]), *spoken]
    rubric = [
        criterion_info(c).model_copy(
            update={"name": people_of(c.name) if c.name in measured else c.name}
        )
        for c in file.spec.people.rubric
    ]
    return table_of(
        scores,
        rows=evaluation.rows,
        metrics=[*evaluation.metrics, *rubric],
        clusters=evaluation.clusters,
        slices=evaluation.slices,
    )


# --- one gate -------------------------------------------------------------------------------------


def _criteria(case: _Case, index: int, gate: Gate) -> Iterator[Criterion]:
    yield _criterion(case, index, gate, "", None)
    if gate.slices:
        for name, where in case.table.parts(gate.slices):
            yield _criterion(case, index, gate, name, where)


def gate_name(gate: Gate) -> str:
    """A gate in words.

    Example:
        >>> gate_name(Gate(metric="label", kind="gain", at_least=0.02))
        'label: tuned - prompted >= 0.02'
        >>> gate_name(Gate(metric="nats", kind="no_worse", margin=0.1, against="base"))
        'nats: tuned no worse than base by 0.1'
    """
    if gate.kind == "no_worse":
        return f"{gate.metric}: {CANDIDATE} no worse than {gate.against} by {gate.margin:g}"
    sign = ">=" if gate.at_least is not None else "<="
    what = CANDIDATE if gate.kind == "level" else f"{CANDIDATE} - {gate.against}"
    return f"{gate.metric}: {what} {sign} {threshold_of(gate):g}"


def _criterion(case: _Case, index: int, gate: Gate, part: str, where: Mask | None) -> Criterion:
    place = case.file.where(f"gates.{index}")
    estimate = _measure(case, gate, where, case.level)
    if estimate is None:
        why, needs = _unmeasured(case, gate, part)
        return Criterion(
            name=gate_name(gate), outcome="INCONCLUSIVE", why=why, needs=needs, slice=part
        )
    bigger = _bigger(case, gate)
    limit = _limit(gate, bigger)
    again = case.corrected != case.level and side(estimate, estimate, limit, bigger=bigger) != "GO"
    strict = (_measure(case, gate, where, case.corrected) if again else None) or estimate
    outcome = side(estimate, strict, limit, bigger=bigger)
    why = _why(estimate, limit, outcome, strict, case.claims)
    needs = (
        rows_needed(estimate, limit, rows=int(_rows(case, gate, where)))
        if outcome == "INCONCLUSIVE"
        else ""
    )
    if outcome == "GO" and gate.people == "required" and not _people_spoke(case):
        outcome, needs = "INCONCLUSIVE", _verdicts_needed(case, gate)
        why += " People have not spoken yet."
    threshold = Threshold(value=limit, origin=place)
    return Criterion(
        name=gate_name(gate),
        outcome=outcome,
        estimate=estimate,
        threshold=threshold,
        why=why,
        needs=needs,
        slice=part,
    )


def _measure(case: _Case, gate: Gate, where: Mask | None, level: float) -> Estimate | None:
    table = case.table
    if gate.metric not in table.metrics or not table.has(CANDIDATE, gate.metric):
        return None
    if case.file.spec.people.looks == "any" and gate.metric in {
        c.name for c in case.file.spec.people.rubric
    }:
        return at_any_look(case.table, case.file, gate, case.said, where, level)
    if gate.metric in judges(case.file):
        return corrected(case.table, gate, where, level) if _validated(case, gate.metric) else None
    if gate.kind == "level":
        return table.level(CANDIDATE, gate.metric, where=where, level=level, strict=True)
    if not table.has(gate.against, gate.metric):
        return None
    return table.compare(
        CANDIDATE, gate.against, gate.metric, where=where, level=level, strict=True
    )


def _validated(case: _Case, metric: str) -> bool:
    return validation_of(case.table, metric, level=case.level).standing == "validated"


def _rows(case: _Case, gate: Gate, where: Mask | None) -> int:
    applies = case.table.applies[gate.metric]
    return int((applies if where is None else applies & where).sum())


def _bigger(case: _Case, gate: Gate) -> bool:
    return case.table.metrics[gate.metric].bigger_is_better


def _limit(gate: Gate, bigger: bool) -> float:
    if gate.kind == "no_worse":
        return -gate.margin if bigger else gate.margin
    return threshold_of(gate)


def side(estimate: Estimate, strict: Estimate, limit: float, *, bigger: bool) -> Outcome:
    """Which side of a threshold an interval lies on.

    Args:
        estimate: At the project's level: all of it on the good side is GO.
        strict: At the level corrected for the number of criteria: all of it on the bad side is
            NO-GO.
        limit: The threshold; on it is good enough.
        bigger: Whether bigger is better.

    Example:
        >>> e = Estimate(value=0.05, low=0.01, high=0.09, n=100, method="t")
        >>> [side(e, e, t, bigger=True) for t in (0.0, 0.05, 0.1)]
        ['GO', 'INCONCLUSIVE', 'NO-GO']
    """
    if estimate.low >= limit if bigger else estimate.high <= limit:
        return "GO"
    if strict.high < limit if bigger else strict.low > limit:
        return "NO-GO"
    return "INCONCLUSIVE"


def _why(estimate: Estimate, limit: float, outcome: Outcome, strict: Estimate, claims: int) -> str:
    where = {"GO": "on the good side of", "NO-GO": "on the bad side of", "INCONCLUSIVE": "astride"}[
        outcome
    ]
    text = f"{estimate} ({estimate.n} independent rows) lies {where} {limit:g}."
    if outcome == "INCONCLUSIVE" and not estimate.low <= limit <= estimate.high:
        text = f"{estimate} lies on the bad side of {limit:g}, but not once corrected for {claims} criteria: {strict}."
    return text


def rows_needed(estimate: Estimate, limit: float, *, rows: int) -> str:
    """How many more test rows would settle a criterion with 80 % probability, if the truth is where it looks to be.

    Args:
        estimate: The interval so far.
        limit: The threshold.
        rows: Rows that it was measured on (several may be of one family).

    Example:
        >>> e = Estimate(value=0.05, low=-0.01, high=0.11, n=100, method="t")
        >>> rows_needed(e, 0.0, rows=100)
        'about 195 more test rows'
    """
    distance = abs(estimate.value - limit)
    z = critical(estimate.level)
    half = (estimate.high - estimate.low) / 2
    if not math.isfinite(half):
        return "scores for the unscored rows"
    if distance == 0:
        return "the estimate lies on the threshold: no number of test rows is sure to settle it"
    total = rows * (half * (z + POWER_Z) / z / distance) ** 2
    if total > MOST_ROWS:
        return f"more than {MOST_ROWS:,} test rows: the difference to the threshold is too small to matter or to show"
    return f"about {max(1, math.ceil(total - rows)):,} more test rows"


def _unmeasured(case: _Case, gate: Gate, part: str) -> tuple[str, str]:
    """Why a gate could not be measured, and what it needs."""
    if gate.metric in {c.name for c in case.file.spec.people.rubric} - judges(case.file):
        return "People have not judged any output on this criterion yet.", _verdicts_needed(
            case, gate
        )
    if gate.metric in judges(case.file) and CANDIDATE in case.table.arms:
        standing = validation_of(case.table, gate.metric, level=case.level)
        why = f"The judge of {gate.metric} is not validated: {standing.standing}, {standing.verdicts} verdicts of people."
        return why, standing.needs or "another judge, or a mended question"
    if CANDIDATE not in case.table.arms:
        return "There is no tuned model.", "a tuned model (tunewell train)"
    if gate.kind != "level" and gate.against not in case.table.arms:
        return (
            f"The arm {gate.against!r} was not evaluated.",
            f"outputs of the {gate.against} model on the test rows",
        )
    where = f" on {part}" if part else ""
    return f"Too few test rows{where} that {gate.metric} can measure.", "more test rows"


def _people_spoke(case: _Case) -> bool:
    judged = {j.example for j in case.said if j.arm == CANDIDATE}
    return len(judged) >= min(FEWEST_JUDGED, len(case.table.rows))


def _verdicts_needed(case: _Case, gate: Gate) -> str:
    """How many verdicts from whom would let people's word count."""
    rows = min(FEWEST_JUDGED, len(case.table.rows))
    limit = threshold_of(gate)
    rubric = {c.name: c for c in case.file.spec.people.rubric}
    if (
        gate.kind == "level"
        and gate.metric in rubric
        and rubric[gate.metric].scale == "yes/no"
        and 0 < limit < 1
    ):
        expected = (1 + limit) / 2  # half-way between the threshold and perfect
        rows = max(rows, math.ceil(sample_size_share_against(expected, against=limit).value))
    judged = len({j.example for j in case.said if j.arm == CANDIDATE})
    raters = case.file.spec.people.raters
    return f"about {max(1, rows - judged)} more outputs judged by {raters} {'person' if raters == 1 else 'people'} each"


# --- all gates ------------------------------------------------------------------------------------


def _combine(
    criteria: tuple[Criterion, ...], findings: tuple[Finding, ...], table: Table, file: TaskFile
) -> Verdict:
    blocking = [f for f in findings if f.blocking and f.status == "found"]
    failed = [c for c in criteria if c.outcome == "NO-GO"]
    about_model = [f for f in blocking if f.code not in EVIDENCE]
    open_ = [c for c in criteria if c.outcome == "INCONCLUSIVE"]
    about_evidence = [f for f in blocking if f.code in EVIDENCE]
    change = _would_change(criteria, blocking)
    rubric = [c.name for c in file.spec.people.rubric]
    outcome: Outcome
    if failed or about_model:
        outcome = "NO-GO"
        why = "; ".join([_short(c) for c in failed] + [f"{f.code}: {f.why}" for f in about_model])
    elif not criteria:
        outcome, why = (
            "INCONCLUSIVE",
            "tunewell.yaml names no gates, so nothing says what is good enough.",
        )
        change = (
            "gates in tunewell.yaml: metrics with thresholds, approved by their owner",
            *change,
        )
    elif open_ or about_evidence:
        outcome = "INCONCLUSIVE"
        why = "; ".join([_short(c) for c in open_] + [f"{f.code}: {f.why}" for f in about_evidence])
    elif not any(guards(g, table.metrics, rubric) for g in file.spec.gates):
        # Not even an accepted E01 lets a generic metric open the way alone.
        outcome, why = (
            "INCONCLUSIVE",
            "E01: only generic metrics guard the gates; they never give GO alone.",
        )
        change = ("a gate on a metric of the task's own", *change)
    else:
        outcome, why = "GO", f"All {len(criteria)} criteria hold, and nothing blocks."
    return Verdict(
        outcome=outcome, why=why, criteria=criteria, findings=findings, would_change=change
    )


def _short(criterion: Criterion) -> str:
    part = f" on {criterion.slice}" if criterion.slice else ""
    return f"{criterion.name}{part}: {criterion.why}"


def _would_change(criteria: Sequence[Criterion], blocking: Sequence[Finding]) -> tuple[str, ...]:
    out = []
    for c in criteria:
        part = f" on {c.slice}" if c.slice else ""
        if c.outcome == "INCONCLUSIVE" and c.needs:
            out.append(f"{c.name}{part}: {c.needs}")
        elif c.outcome == "NO-GO":
            out.append(f"{c.name}{part}: a better model, or another threshold, approved anew")
    out += [f"{f.code}: {f.remedy or 'see its remedy'}" for f in blocking]
    return tuple(dict.fromkeys(out))
