"""From raw data to a verdict: curate, split, train, evaluate, decide.

Finished stages are reused, killed ones resume where they stopped.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from tunewell.errors import DataError
from tunewell.experiments import CLOSED
from tunewell.lineage import StageKey
from tunewell.model.base import Progress
from tunewell.project import Project
from tunewell.store import Store
from tunewell.types import (
    Dataset,
    Evaluation,
    Finding,
    ModelVersion,
    Run,
    Split,
    Trained,
    Verdict,
    digest,
)

if TYPE_CHECKING:
    from tunewell.train.session import OnPoint

Stage = Literal["curate", "split", "train", "evaluate", "verdict"]
STAGES: Final[tuple[Stage, ...]] = ("curate", "split", "train", "evaluate", "verdict")

SAID_BY_PEOPLE = ("approval", "acceptance", "judgement", "comparison", CLOSED)
"""Kinds of events that a verdict depends on: a test on traffic speaks once it is closed."""

Bars = Callable[[str], AbstractContextManager[Progress | None]]
"""Gives a progress callback for a stage, or None where nothing is to be shown."""


@dataclass(frozen=True)
class Result:
    """What every stage gave.

    Attributes:
        dataset: Of ``curate``.
        split: Of ``split``.
        trained: Of ``train``.
        evaluation: Of ``evaluate``.
        verdict: Of ``verdict``.
        reused: Stages whose finished run was reused.
    """

    dataset: Dataset
    split: Split
    trained: Trained
    evaluation: Evaluation
    verdict: Verdict
    reused: tuple[str, ...] = ()


def no_bars(_label: str) -> AbstractContextManager[Progress | None]:
    """Shows nothing."""
    return contextlib.nullcontext(None)


def silent(_text: str) -> None:
    """Says nothing."""


def run(
    project: Project,
    *,
    progress: Bars = no_bars,
    live: OnPoint | None = None,
    say: Callable[[str], None] = silent,
) -> Result:
    """Run every stage in order. The caller holds the store's lock.

    Args:
        project: The project.
        progress: Gives a progress callback per stage.
        live: Called with every evaluation of the training (`tunewell.train.session.Point`).
        say: Called with a line whenever a stage begins, ends or is reused.

    Raises:
        UserError: With what has to be fixed; finished stages are kept.
    """
    _check_gates_first(project)
    stages = Stages(
        project,
        progress=progress,
        live=live,
        say=say,
    )
    dataset = stages.curate()
    split = stages.split(dataset)
    trained = stages.train(dataset, split)
    evaluation = stages.evaluate(dataset, split, trained.model)
    verdict = stages.verdict(evaluation)
    return Result(
        dataset=dataset,
        split=split,
        trained=trained,
        evaluation=evaluation,
        verdict=verdict,
        reused=tuple(stages.reused),
    )


def _check_gates_first(project: Project) -> None:
    """Gates that no model could be held to are said before hours of training."""
    from tunewell.evaluate.gate_checks import check_gates
    from tunewell.metrics import build_metrics, infos

    check_gates(project.file, infos(build_metrics(project.file)))


@dataclass
class Stages:
    """The stages of a project, a method for each; a stage takes what the earlier ones gave.

    Attributes:
        project: The project.
        progress: Gives a progress callback per stage.
        live: Called with every evaluation of the training (`tunewell.train.session.Point`).
        say: Called with a line whenever a stage begins, ends or is reused.
        records: The record of every stage that was run or reused.
        reused: Stages whose finished run was reused.
    """

    project: Project
    progress: Bars = no_bars
    live: OnPoint | None = None
    say: Callable[[str], None] = silent
    records: dict[str, Run] = field(default_factory=dict)
    reused: list[str] = field(default_factory=list)

    def curate(self) -> Dataset:
        """Read, repair, filter and de-duplicate the data."""
        from tunewell.curate import curate

        with self._stage("curate") as bar:
            return curate(self.project, progress=bar)

    def split(self, dataset: Dataset) -> Split:
        """Divide the rows into test set, review pool and folds."""
        from tunewell.split import split

        with self._stage("split"), self._naming_who_took_rows():
            return split(dataset, self.project)

    def train(self, dataset: Dataset, split: Split) -> Trained:
        """Train the folds and the final adapter, on synthetic rows too where they have proved."""
        from tunewell.train import train

        dataset, split = self._with_synthetic_rows(dataset, split)
        with self._stage("train") as bar, self._naming_who_took_rows():
            return train(
                dataset,
                split,
                self.project,
                progress=bar,
                live=self.live,
                say=self.say,
            )

    def _with_synthetic_rows(self, dataset: Dataset, split: Split) -> tuple[Dataset, Split]:
        """What training takes; everything else goes by the data that people gave."""
        from tunewell.augmented import take_up_rows

        taken = take_up_rows(self.project, dataset, split)
        if taken.why:
            self.say(taken.why)
        return taken.dataset, taken.split

    def evaluate(
        self,
        dataset: Dataset,
        split: Split,
        model: ModelVersion,
    ) -> Evaluation:
        """Compare base, prompted and tuned on the same held-out rows."""
        from tunewell.evaluate import evaluate

        with self._stage("evaluate") as bar:
            return evaluate(dataset, split, model, self.project, progress=bar)

    def verdict(self, evaluation: Evaluation) -> Verdict:
        """Decide from the gates.

        Cheap, so it is made again whenever anything it rests on has changed.
        """
        with self._stage("verdict"):
            return _verdict(evaluation, self.project)

    @contextlib.contextmanager
    def _naming_who_took_rows(self) -> Iterator[None]:
        """Where a stage lacks rows, its message says which rules of curation took them."""
        try:
            yield
        except DataError as error:
            from tunewell.curate.mass_drops import most_taken

            last = self.project.store.last_run("curate")
            taken = most_taken(last.counts) if last else ""
            if not taken:
                raise
            raise DataError(
                f"{error.message}; {taken}", place=error.place, hint=error.hint
            ) from error

    @contextlib.contextmanager
    def _stage(self, name: Stage) -> Iterator[Progress | None]:
        """Show a stage's progress, and tell afterwards whether it was run or reused."""
        before = self.project.store.last_run(name)
        self.say(f"{name} …")
        with self.progress(name) as bar:
            yield bar

        done = self.project.store.last_run(name)
        if done is None:
            return
        self.records[name] = done
        if done == before or done.reused_from:
            self.reused.append(name)
            self.say(f"{name}: already finished, reused")
        else:
            self.say(f"{name}: {done.seconds:.1f} s")


def decide_again(project: Project) -> Verdict | None:
    """The verdict on the newest evaluation as things stand now; None if nothing was evaluated.

    The caller holds the store's lock.
    """
    last = project.store.last_run("evaluate")
    if last is None:
        return None
    return _verdict(project.store.get_value(last.outputs["evaluation"], Evaluation), project)


def _verdict(
    evaluation: Evaluation,
    project: Project,
) -> Verdict:
    from tunewell.augmented import finding_of_training
    from tunewell.evaluate import decide
    from tunewell.people import reopen_sign_offs

    store = project.store

    reopen_sign_offs(project)
    inputs = {"evaluation": digest(evaluation)}
    parameters = _decided_by(project)
    finding = finding_of_training(store)
    synthetic = [finding] if finding else []
    if synthetic:
        parameters["synthetic"] = digest(finding)
    key = StageKey("verdict", inputs, parameters)
    done = key.value(store, "verdict", Verdict)
    if done is not None:
        return done

    with key.record(store) as writer:
        verdict = decide(evaluation, project, [*findings_of(store, STAGES[:-1]), *synthetic])
        writer.outputs["verdict"] = store.put_value(verdict)
        writer.findings.extend(verdict.findings)
        writer.counts["criteria"] = len(verdict.criteria)
    return verdict


def _decided_by(project: Project) -> dict[str, Any]:
    """Everything besides the evaluation that a verdict depends on."""
    from tunewell.people import approvals, judgements

    file, store = project.file, project.store

    spec = file.spec
    events = [event for kind in SAID_BY_PEOPLE for event in store.said(kind)]
    said = [event.model_dump(mode="json") for event in events]
    judged = [judgement.model_dump(mode="json") for judgement in judgements(store)]
    return {
        "gates": [gate.model_dump(mode="json") for gate in spec.gates],
        "people": spec.people.model_dump(mode="json"),
        "definition": file.definition,
        # Whether a claim counts depends on who has an account.
        "approved": approvals(project).model_dump(mode="json"),
        "said": digest([said, judged]),
        # Acceptances run out.
        "today": dt.datetime.now(dt.UTC).date().isoformat(),
    }


def findings_of(store: Store, stages: Sequence[Stage]) -> tuple[Finding, ...]:
    """The findings of the newest finished run of each of these stages."""
    runs = [store.last_run(stage) for stage in stages]
    return tuple(finding for run in runs if run for finding in run.findings)
