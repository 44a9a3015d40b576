"""The verdict over all gates and findings: GO, NO-GO or INCONCLUSIVE, and what would change it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tunewell.evaluate.acceptance import with_acceptances
from tunewell.evaluate.classes import Classes
from tunewell.evaluate.compared_gate import comparison_findings
from tunewell.evaluate.experiment_gate import experiment_findings
from tunewell.evaluate.gate import judge_gates
from tunewell.evaluate.gate_checks import definition_finding, guarding_gates
from tunewell.evaluate.ground import is_of_the_ground, on_clean_ground, ways_out
from tunewell.evaluate.judge_correction import commonest_failure, judges, validation_of
from tunewell.evaluate.judge_validation import judge_findings
from tunewell.evaluate.lookup import by_name
from tunewell.evaluate.metric_kinds import metrics_of_kind, options_of
from tunewell.evaluate.people_scores import (
    criterion_info,
    judgements,
    people_name,
    people_scores,
)
from tunewell.evaluate.table import Table, table_of
from tunewell.evaluate.wording import on_slice
from tunewell.experiments import closed_experiments
from tunewell.metrics.label import LabelOptions, plain_label
from tunewell.people.compared import compared
from tunewell.project import Project
from tunewell.store import Store
from tunewell.types import (
    Criterion,
    Evaluation,
    Finding,
    Judgement,
    MetricInfo,
    Outcome,
    Score,
    Verdict,
)

EVIDENCE = frozenset({"E01", "E02", "E03", "E04", "E09", "E10", "E11", "D16", "L01"})
"""Blocking findings that speak of the evidence, not of the model.

They make a verdict INCONCLUSIVE, not NO-GO; so do those on the data under it (`ground`).
"""


def decide(
    evaluation: Evaluation,
    project: Project,
    findings: Sequence[Finding],
    *,
    today: dt.date | None = None,
) -> Verdict:
    """The verdict of the gates over an evaluation.

    Args:
        evaluation: All arms on the same rows.
        project: The project.
        findings: Of all stages; E01 is made anew, since approvals come after evaluations.
        today: Decides which acceptances have run out; the date in UTC if None.

    Returns:
        GO if every criterion is GO and nothing blocks; NO-GO if one criterion is or a finding about
        the model blocks; else INCONCLUSIVE, with what would settle it.
    """
    file, store = project.file, project.store
    day = today or dt.datetime.now(dt.UTC).date()
    said = judgements(store, evaluation.rows, predictions=evaluation.predictions)
    table = _with_people(evaluation, project, said)
    unmeasured = unmeasured_classes(evaluation, project)
    comparisons = compared(store)
    tried = closed_experiments(store)
    candidate = _version_of(evaluation, store)
    criteria = judge_gates(
        table,
        file,
        said=said,
        unmeasured=unmeasured,
        comparisons=comparisons,
        experiments=tried,
        candidate=candidate,
    )

    known = [f for f in (*findings, *stress_of(evaluation, store)) if f.code != "E01"]
    known.append(definition_finding(file, evaluation.metrics, store))
    known += _judges_validated(evaluation, table, project)
    known += comparison_findings(comparisons, candidate)
    known += experiment_findings(tried, candidate)
    accepted = with_acceptances(known, store, today=day)
    guarded = bool(guarding_gates(file, evaluation.metrics))
    grounded = on_clean_ground(criteria, accepted, evaluation)
    return _Weighed(grounded, accepted, guarded=guarded).verdict()


def unmeasured_classes(evaluation: Evaluation, project: Project) -> dict[str, tuple[str, ...]]:
    """Label metric to those of its ``labels`` that no held-out row is of, or may be called."""
    file, store = project.file, project.store
    if not evaluation.classes:
        return {}
    figures = store.get_value(evaluation.classes, Classes).figures
    found: dict[str, tuple[str, ...]] = {}
    for spec in metrics_of_kind(file, "label"):
        options = options_of(spec)
        if "python" in options:
            continue
        measured: set[str] = set()
        for figure in figures:
            if figure.metric == spec.name:
                measured.update(plain_label(label) for label in figure.label.split(" | "))
        wanted = LabelOptions.model_validate(options).labels
        found[spec.name] = tuple(x for x in wanted if plain_label(x) not in measured)
    return found


def stress_of(evaluation: Evaluation, store: Store) -> tuple[Finding, ...]:
    """What the newest stress test of the same model found (E05); nothing if there was none."""
    last = store.last_run("stress")
    if last is None:
        return ()
    for run in reversed(store.runs(stage="evaluate")):
        if evaluation.scores in run.outputs.values():
            same_model = last.inputs.get("adapter") == run.inputs.get("adapter")
            return last.findings if same_model else ()
    return ()


def _version_of(evaluation: Evaluation, store: Store) -> str:
    """The adapter that was evaluated; empty where there is none."""
    for run in reversed(store.runs(stage="evaluate")):
        if evaluation.scores in run.outputs.values():
            return run.inputs.get("adapter", "")
    return ""


def outcome_of(criteria: Sequence[Criterion]) -> Outcome:
    """All together: NO-GO if one is, GO if all are, else (and without any) INCONCLUSIVE."""
    outcomes = {c.outcome for c in criteria}
    if "NO-GO" in outcomes:
        return "NO-GO"
    return "GO" if outcomes == {"GO"} else "INCONCLUSIVE"


def _with_people(
    evaluation: Evaluation,
    project: Project,
    said: Sequence[Judgement],
) -> Table:
    """The scores of an evaluation with people's; beside a judge's they get a name of their own."""
    file, store = project.file, project.store
    measured = by_name(evaluation.metrics)

    def name_of(criterion: str) -> str:
        return people_name(criterion) if criterion in measured else criterion

    scores = store.get_value(evaluation.scores, list[Score])
    if evaluation.baselines:
        scores += store.get_value(evaluation.baselines, list[Score])
    for score in people_scores(said, file.spec):
        scores.append(score.model_copy(update={"metric": name_of(score.metric)}))
    infos: list[MetricInfo] = list(evaluation.metrics)
    for criterion in file.spec.people.rubric:
        info = criterion_info(criterion)
        infos.append(info.model_copy(update={"name": name_of(criterion.name)}))
    return table_of(
        scores,
        rows=evaluation.rows,
        metrics=infos,
        clusters=evaluation.clusters,
        slices=evaluation.slices,
    )


def _judges_validated(
    evaluation: Evaluation,
    table: Table,
    project: Project,
) -> list[Finding]:
    """E02 for every metric that a model judges."""
    file, store = project.file, project.store
    level = file.spec.evaluate.level
    judged = sorted(judges(file) & set(table.metrics))
    if not judged:
        return []
    scores = store.get_value(evaluation.scores, list[Score])
    failures = {metric: commonest_failure(scores, metric) for metric in judged}
    validations = {metric: validation_of(table, metric, level=level) for metric in judged}
    return judge_findings(validations, failures)


@dataclass(frozen=True)
class _Weighed:
    """Criteria and findings, weighed against each other.

    Attributes:
        criteria: Every gate, decided.
        findings: Of all stages, with what somebody has accepted.
        guarded: Whether any gate can open a release.
    """

    criteria: tuple[Criterion, ...]
    findings: tuple[Finding, ...]
    guarded: bool

    def verdict(self) -> Verdict:
        """What follows from them."""
        against = [*self._criteria("NO-GO"), *self._blocking(about_evidence=False)]
        if against:
            return self._verdict("NO-GO", _in_one_sentence(against))
        if not self.criteria:
            return self._verdict(
                "INCONCLUSIVE",
                "tunewell.yaml names no gates, so nothing says what is good enough.",
                "gates in tunewell.yaml: metrics with thresholds, approved by their owner",
            )
        unsettled = [*self._criteria("INCONCLUSIVE"), *self._blocking(about_evidence=True)]
        if unsettled:
            return self._verdict("INCONCLUSIVE", _in_one_sentence(unsettled))
        if not self.guarded:
            # Not even an accepted E01 lets a generic metric open the way alone.
            return self._verdict(
                "INCONCLUSIVE",
                "E01: only generic metrics guard the gates; they never give GO alone.",
                "a gate on a metric of the task's own",
            )
        count = len(self.criteria)
        return self._verdict("GO", f"All {count} criteria hold, and nothing blocks.")

    def _verdict(self, outcome: Outcome, why: str, *first: str) -> Verdict:
        return Verdict(
            outcome=outcome,
            why=why,
            criteria=self.criteria,
            findings=self.findings,
            would_change=(*first, *dict.fromkeys(self._would_change())),
        )

    def _criteria(self, outcome: Outcome) -> list[str]:
        """The criteria of one outcome, each with its reason."""
        return [f"{_shown(c)}: {c.why}" for c in self.criteria if c.outcome == outcome]

    @property
    def _blocked(self) -> list[Finding]:
        return [f for f in self.findings if f.blocking and f.status == "found"]

    def _blocking(self, *, about_evidence: bool) -> list[str]:
        """The findings that block, of the evidence or of the model, each with its reason."""
        return [
            f"{finding.code}: {finding.why}"
            for finding in self._blocked
            if _is_about_evidence(finding) == about_evidence
        ]

    def _would_change(self) -> Iterator[str]:
        for criterion in self.criteria:
            if criterion.outcome == "INCONCLUSIVE" and criterion.needs:
                yield f"{_shown(criterion)}: {criterion.needs}"
            elif criterion.outcome == "NO-GO":
                yield f"{_shown(criterion)}: a better model, or another threshold, approved again"
        for finding in self._blocked:
            remedy = finding.remedy or "see its remedy"
            yield f"{finding.code}: {ways_out(finding) if is_of_the_ground(finding) else remedy}"


def _is_about_evidence(finding: Finding) -> bool:
    return finding.code in EVIDENCE or finding.unconfirmed or is_of_the_ground(finding)


def _shown(criterion: Criterion) -> str:
    return f"{criterion.name}{on_slice(criterion.slice)}"


def _in_one_sentence(reasons: Sequence[str]) -> str:
    """Reasons behind one another.

    Example:
        >>> _in_one_sentence(["label: 0.5 misses 0.7.", "E01: nobody approved it"])
        'label: 0.5 misses 0.7; E01: nobody approved it.'
    """
    return "; ".join(reason.rstrip(".") for reason in reasons) + "."
