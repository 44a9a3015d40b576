"""What a project's store holds for one report: the newest verdict, the runs that led to it, the verdict before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tunewell.errors import StoreError, UserError
from tunewell.lineage import upstream
from tunewell.report.learning import Asked, asked
from tunewell.similar.shown_families import Shown
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.types import Dataset, Evaluation, Finding, FoldTrace, Run, Split, Trained, Verdict

if TYPE_CHECKING:
    from tunewell.evaluate.calibration import Calibration
    from tunewell.evaluate.classes import Classes

STAGES: Final = ("curate", "split", "train", "evaluate", "verdict")


@dataclass(frozen=True)
class Results:
    """Everything that one verdict rests on.

    Attributes:
        file: The definition.
        store: Where the artifacts lie.
        runs: The run of each stage that led here, by stage.
        missing: Why a stage has nothing to show, by stage.
        dataset: Of ``curate``.
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

    file: TaskFile
    store: Store
    runs: Mapping[str, Run]
    missing: Mapping[str, str] = field(default_factory=dict)
    dataset: Dataset | None = None
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
    def findings(self) -> tuple[Finding, ...]:
        """Findings of the verdict, and those of the runs that it does not speak of."""
        found = list(self.verdict.findings) if self.verdict else []
        known = {(f.code, f.slice, f.stage) for f in found}
        for stage in STAGES:
            run = self.runs.get(stage)
            found += [
                f for f in (run.findings if run else ()) if (f.code, f.slice, f.stage) not in known
            ]
        return (*found, *self.asked.findings)


def gather(file: TaskFile, store: Store) -> Results:
    """The results of the newest verdict.

    Of the newest runs where there is none yet or where it is out of date.
    """
    chain = {stage: run for stage in STAGES if (run := store.last_run(stage))}
    verdict = chain.get("verdict")
    if verdict and _older(verdict, chain):
        del chain["verdict"]
    elif verdict:
        chain = _chain(store, verdict)
    return _load(file, store, chain)


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
    if since:
        found = [run for run in runs if run.id.startswith(since)]
        if not found:
            names = ", ".join(run.id for run in runs[-5:]) or "none yet"
            raise UserError(
                f"no finished verdict has an id that begins with {since!r}; there are: {names}"
            )
        return _load(results.file, store, _chain(store, found[-1]))
    now = results.runs.get("verdict")
    current = set(now.outputs.values()) | set(now.inputs.values()) if now else set()
    for run in reversed(runs):
        if now and run.started >= now.started:
            continue
        if current != set(run.outputs.values()) | set(run.inputs.values()):
            return _load(results.file, store, _chain(store, run))
    return None


def _older(verdict: Run, chain: Mapping[str, Run]) -> bool:
    """Whether a stage has finished anew since the verdict, with something that the verdict does not rest on."""
    rests_on = {run.id for run in upstream_of(verdict, chain)}
    return any(
        run.started > verdict.started and run.id not in rests_on
        for run in chain.values()
        if run is not verdict
    )


def upstream_of(verdict: Run, chain: Mapping[str, Run]) -> list[Run]:
    """The runs of a chain whose outputs the verdict uses directly."""
    used = set(verdict.inputs.values())
    return [run for run in chain.values() if used & set(run.outputs.values())]


def _chain(store: Store, verdict: Run) -> dict[str, Run]:
    found = {verdict.stage: verdict}
    for artifact in [*verdict.outputs.values(), *verdict.inputs.values()]:
        for run in upstream(store, artifact):
            if run.stage in STAGES:
                found.setdefault(run.stage, run)
    finished = [run for run in store.runs(status="finished") if run.started <= verdict.started]
    for run in reversed(finished):
        if run.stage in STAGES:
            found.setdefault(run.stage, run)
    return {stage: found[stage] for stage in STAGES if stage in found}


def _load(file: TaskFile, store: Store, chain: Mapping[str, Run]) -> Results:
    missing = {stage: _why_missing(store, stage) for stage in STAGES if stage not in chain}

    def output(stage: str, name: str) -> str:
        run = chain.get(stage)
        if run is None:
            return ""
        digest = run.outputs.get(name, "")
        try:
            if digest:
                store.files.open(digest)
        except StoreError as error:
            missing[stage] = error.message
            return ""
        return digest

    dataset, split = output("curate", "dataset"), output("split", "split")
    shown = output("curate", "shown")
    trained, evaluation, verdict = (
        output("train", "trained"),
        output("evaluate", "evaluation"),
        output("verdict", "verdict"),
    )
    fit = store.get_value(trained, Trained) if trained else None
    compared = store.get_value(evaluation, Evaluation) if evaluation else None
    return Results(
        file=file,
        store=store,
        runs=chain,
        missing=missing,
        dataset=store.get_value(dataset, Dataset) if dataset else None,
        shown=store.get_value(shown, Shown) if shown else None,
        split=store.get_value(split, Split) if split else None,
        trained=fit,
        trace=_trace(store, output("train", "trace") or (fit.trace if fit else "")),
        asked=asked(store, chain.get("train")),
        evaluation=compared,
        classes=_classes(store, compared),
        calibration=_calibration(store, compared),
        verdict=store.get_value(verdict, Verdict) if verdict else None,
    )


def _trace(store: Store, digest: str) -> FoldTrace | None:
    from tunewell.store.traces import trace_from_bytes

    try:
        return trace_from_bytes(store.files.open(digest).read_bytes()) if digest else None
    except StoreError:
        return None


def _classes(store: Store, evaluation: Evaluation | None) -> Classes | None:
    from tunewell.evaluate.classes import Classes

    try:
        return (
            store.get_value(evaluation.classes, Classes)
            if evaluation and evaluation.classes
            else None
        )
    except StoreError:
        return None


def _calibration(store: Store, evaluation: Evaluation | None) -> tuple[Calibration, ...]:
    from tunewell.evaluate.calibration import Calibration

    try:
        found = (
            store.get_value(evaluation.calibration, list[Calibration])
            if evaluation and evaluation.calibration
            else []
        )
    except StoreError:
        return ()
    return tuple(found)


def _why_missing(store: Store, stage: str) -> str:
    runs = store.runs(stage=stage)
    if not runs:
        return f"The stage “{stage}” has not run yet."
    last = runs[-1]
    when = f"{last.started:%d %B %Y, %H:%M} UTC"
    if last.status == "failed":
        return f"The stage “{stage}” failed on {when}: {last.error or 'no reason was recorded'}."
    if last.status == "started":
        return f"The stage “{stage}” began on {when} and has not finished."
    return f"The stage “{stage}” is older than what came before it and has to run again."
