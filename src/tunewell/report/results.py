"""What a project's store holds for one report: a verdict and the runs that led to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from tunewell.errors import StoreError, UserError
from tunewell.lineage import upstream
from tunewell.project import Project
from tunewell.report.training_studies import Asked, asked
from tunewell.similar.shown_families import Shown
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.types import (
    Dataset,
    Evaluation,
    Finding,
    FoldTrace,
    Run,
    Speed,
    Split,
    Trained,
    Verdict,
)
from tunewell.types.read_files import ReadingReport

if TYPE_CHECKING:
    from tunewell.evaluate.calibration import Calibration
    from tunewell.evaluate.classes import Classes

T = TypeVar("T")

STAGES: Final = ("curate", "split", "train", "evaluate", "verdict")
IDS_NAMED: Final = 5
"""Verdicts that an error names."""


@dataclass(frozen=True)
class Results:
    """Everything that one verdict rests on.

    Attributes:
        project: The project.
        runs: The run of each stage that led here, by stage.
        missing: Why a stage has nothing to show, by stage.
        dataset: Of ``curate``.
        reading: How ``curate`` read the files; None where an older version curated.
        shown: Map and families of ``curate``; None where an older version curated.
        split: Of ``split``.
        trained: Of ``train``.
        trace: The folds' loss curves.
        asked: What else was asked of the training.
        evaluation: Of ``evaluate``.
        classes: Label figures by class; None without labels.
        calibration: Confidence against rightness, by arm; empty where it was not measured.
        verdict: Of ``verdict``.
    """

    project: Project
    runs: Mapping[str, Run]
    missing: Mapping[str, str] = field(default_factory=dict)
    dataset: Dataset | None = None
    reading: ReadingReport | None = None
    shown: Shown | None = None
    split: Split | None = None
    trained: Trained | None = None
    trace: FoldTrace | None = None
    asked: Asked = field(default_factory=Asked)
    evaluation: Evaluation | None = None
    classes: Classes | None = None
    calibration: tuple[Calibration, ...] = ()
    verdict: Verdict | None = None

    @property
    def file(self) -> TaskFile:
        """The definition."""
        return self.project.file

    @property
    def store(self) -> Store:
        """Where the artifacts are."""
        return self.project.store

    @property
    def speeds(self) -> tuple[Speed, ...]:
        """How fast each arm wrote recordings down; empty where rows are read."""
        run = self.runs.get("evaluate")
        return run.speeds if run else ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Findings of the verdict, and those of the runs that it does not speak of."""
        found = list(self.verdict.findings) if self.verdict else []
        known = {(f.code, f.slice, f.stage) for f in found}
        for stage in STAGES:
            if stage not in self.runs:
                continue
            for finding in self.runs[stage].findings:
                if (finding.code, finding.slice, finding.stage) not in known:
                    found.append(finding)
        return (*found, *self.asked.findings)


def gather(project: Project) -> Results:
    """The results of the newest verdict.

    Of the newest runs where there is none yet or where it is out of date.
    """
    store = project.store
    chain: dict[str, Run] = {}
    for stage in STAGES:
        run = store.last_run(stage)
        if run:
            chain[stage] = run
    verdict = chain.get("verdict")
    if verdict and _is_outdated(store, verdict, chain):
        del chain["verdict"]
    elif verdict:
        chain = _chain(store, verdict)
    return _load(project, chain)


def earlier(results: Results, *, since: str | None = None) -> Results | None:
    """The results of the verdict before this one.

    Args:
        results: What to look back from.
        since: Id (or its beginning) of the verdict's run to compare with; the one before this if
            None.

    Raises:
        UserError: There is no such verdict.
    """
    store = results.store
    runs = store.runs(stage="verdict", status="finished")
    run = _with_id(runs, since) if since else _before(runs, results.runs.get("verdict"))
    if run is None:
        return None
    return _load(results.project, _chain(store, run))


def _with_id(runs: Sequence[Run], beginning: str) -> Run:
    """The newest run whose id begins so."""
    for run in reversed(runs):
        if run.id.startswith(beginning):
            return run
    names = ", ".join(run.id for run in runs[-IDS_NAMED:]) or "none yet"
    raise UserError(
        f"no finished verdict has an id that begins with {beginning!r}; there are: {names}"
    )


def _before(runs: Sequence[Run], now: Run | None) -> Run | None:
    """The newest of the runs that began before now and decided something else, or on other data."""
    if now is None:
        return runs[-1] if runs else None
    # They are in the order in which they began; a clock may have been set back since.
    ids = [run.id for run in runs]
    before = runs[: ids.index(now.id)] if now.id in ids else runs
    for run in reversed(before):
        if _artifacts(run) != _artifacts(now):
            return run
    return None


def _artifacts(run: Run) -> set[str]:
    return set(run.outputs.values()) | set(run.inputs.values())


def _is_outdated(store: Store, verdict: Run, chain: Mapping[str, Run]) -> bool:
    """Whether a stage has finished since the verdict with something that it does not rest on."""
    order = store.run_numbers()
    rests_on = {run.id for run in upstream_of(verdict, chain)}
    for run in chain.values():
        if run is verdict or run.id in rests_on:
            continue
        if order[run.id] > order[verdict.id]:
            return True
    return False


def upstream_of(verdict: Run, chain: Mapping[str, Run]) -> list[Run]:
    """The runs of a chain whose outputs the verdict uses directly."""
    used = set(verdict.inputs.values())
    return [run for run in chain.values() if used & set(run.outputs.values())]


def _chain(store: Store, verdict: Run) -> dict[str, Run]:
    """The run of each stage that led to a verdict.

    Those whose artifacts it rests on; where none is known, the last one before it.
    """
    found = {verdict.stage: verdict}
    for artifact in [*verdict.outputs.values(), *verdict.inputs.values()]:
        for run in upstream(store, artifact):
            found.setdefault(run.stage, run)
    order = store.run_numbers()
    for run in reversed(store.runs(status="finished")):
        if order[run.id] <= order[verdict.id]:
            found.setdefault(run.stage, run)
    return {stage: found[stage] for stage in STAGES if stage in found}


@dataclass
class _Outputs:
    """Reads what the runs of a chain left, and notes why a stage has nothing to show."""

    store: Store
    chain: Mapping[str, Run]
    missing: dict[str, str]

    def digest(
        self,
        stage: str,
        name: str,
    ) -> str:
        """The digest of an output that is in the store, or nothing."""
        run = self.chain.get(stage)
        digest = run.outputs.get(name, "") if run else ""
        if not digest:
            return ""
        try:
            self.store.files.open(digest)
        except StoreError as error:
            self.missing[stage] = error.message
            return ""
        return digest

    def value(
        self,
        stage: str,
        name: str,
        kind: type[T],
    ) -> T | None:
        """An output that is in the store, or None."""
        digest = self.digest(stage, name)
        return self.store.get_value(digest, kind) if digest else None

    def trace(self, trained: Trained | None) -> FoldTrace | None:
        """The folds' loss curves, or None where they are lost."""
        from tunewell.store.traces import trace_from_bytes

        known = trained.trace if trained else ""
        digest = self.digest("train", "trace") or known
        if not digest:
            return None
        try:
            return trace_from_bytes(self.store.files.open(digest).read_bytes())
        except StoreError:
            return None


def _load(
    project: Project,
    chain: Mapping[str, Run],
) -> Results:
    store = project.store
    missing = {stage: _why_missing(store, stage) for stage in STAGES if stage not in chain}
    outputs = _Outputs(store, chain, missing)
    trained = outputs.value("train", "trained", Trained)
    evaluation = outputs.value("evaluate", "evaluation", Evaluation)
    return Results(
        project=project,
        runs=chain,
        missing=missing,
        dataset=outputs.value("curate", "dataset", Dataset),
        reading=outputs.value("curate", "reading", ReadingReport),
        shown=outputs.value("curate", "shown", Shown),
        split=outputs.value("split", "split", Split),
        trained=trained,
        trace=outputs.trace(trained),
        asked=asked(store, chain.get("train")),
        evaluation=evaluation,
        classes=_classes(store, evaluation),
        calibration=_calibration(store, evaluation),
        verdict=outputs.value("verdict", "verdict", Verdict),
    )


def _classes(store: Store, evaluation: Evaluation | None) -> Classes | None:
    from tunewell.evaluate.classes import Classes

    if evaluation is None or not evaluation.classes:
        return None
    try:
        return store.get_value(evaluation.classes, Classes)
    except StoreError:
        return None


def _calibration(store: Store, evaluation: Evaluation | None) -> tuple[Calibration, ...]:
    from tunewell.evaluate.calibration import Calibration

    if evaluation is None or not evaluation.calibration:
        return ()
    try:
        return tuple(store.get_value(evaluation.calibration, list[Calibration]))
    except StoreError:
        return ()


def _why_missing(store: Store, stage: str) -> str:
    runs = store.runs(stage=stage)
    if not runs:
        return f"The stage “{stage}” has not run yet."
    last = runs[-1]
    when = f"{last.started:%d %B %Y, %H:%M} UTC"
    if last.status == "failed":
        reason = last.error or "no reason was recorded"
        return f"The stage “{stage}” failed on {when}: {reason}."
    if last.status == "started":
        return f"The stage “{stage}” began on {when} and has not finished."
    return f"The stage “{stage}” is out of date: a stage before it has run since."
