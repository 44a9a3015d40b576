"""One turn of the loop: what is new becomes a version, and the version is promoted if it earns it.

Every step is a Run and is found again by what went in: a turn that was killed, at any moment, goes
on where it stopped and ends with the same version.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tunewell.curate.versions import Difference, diff
from tunewell.decide import outdated
from tunewell.decide.record import RecordedDecision
from tunewell.errors import UserError
from tunewell.iterate.decisions import decide_now
from tunewell.iterate.gather import CANDIDATE
from tunewell.iterate.look import look_at_use, traffic_mark
from tunewell.iterate.recurrence import measure_recurrence
from tunewell.iterate.steps import IterationStep, StepState
from tunewell.iterate.trials import settle_trials
from tunewell.iterate.versions import (
    TrainedVersion,
    dataset_of,
    newest_version,
    serving_version,
)
from tunewell.lineage import StageKey
from tunewell.people.promotion import promote
from tunewell.people.rows_from_use import take_up_from_use
from tunewell.plurals import plural
from tunewell.project import Project
from tunewell.review.human_changes import Recurrence
from tunewell.run import Bars, Result, Stages, decide_again, no_bars, silent
from tunewell.task import Contender
from tunewell.types import Dataset, Decision, Value

if TYPE_CHECKING:
    from tunewell.train.session import OnPoint

STAGE = "iterate"
PRODUCTION = "production"


class Iteration(Value):
    """What a turn of the loop gave.

    Attributes:
        serving: Digest of the version that served at its beginning; empty if none did.
        version: Digest of the version that it made; empty if it made none.
        dataset: Id of the version of the data.
        difference: To the data of the serving version; None if none served.
        outcome: Of the verdict; empty without one.
        decision: What to do next; a promotion follows from it.
        decision_id: Under which it is signed.
        promoted: Whether the new version serves now.
        recurrence: Of errors that people had corrected before; None if nobody had.
        looks: How often the test set has been looked at.
        steps: In order.
    """

    serving: str = ""
    version: str = ""
    dataset: str = ""
    difference: Difference | None = None
    outcome: str = ""
    decision: Decision
    decision_id: str
    promoted: bool = False
    recurrence: Recurrence | None = None
    looks: int = 0
    steps: tuple[IterationStep, ...]


def iterate(
    project: Project,
    *,
    author: str,
    when_due: bool = False,
    progress: Bars = no_bars,
    live: OnPoint | None = None,
    say: Callable[[str], None] = silent,
) -> Iteration:
    """Take up what is new, train and judge a version of it, and promote that if it has earned it.

    It begins with a look at use, as ``tunewell watch`` does, and ends with another one if anything
    has been asked since. Comparisons and tests on traffic that gates ask for are closed once they
    have spoken; until then the version waits for them.

    The caller holds the store's lock.

    Args:
        project: The project.
        author: Who starts it: recorded with a promotion.
        when_due: Whether to train only when the decision says so.
        progress: Gives a progress callback per stage.
        live: Called with every evaluation of the training.
        say: Called with a line at every step.

    Raises:
        UserError: With what has to be fixed; finished steps are kept.
    """
    turn = _Turn(
        project,
        author=author,
        progress=progress,
        live=live,
        say=say,
    )
    return turn.go(when_due=when_due)


@dataclass
class _Turn:
    """A turn of the loop under way."""

    project: Project
    author: str
    progress: Bars
    live: OnPoint | None
    say: Callable[[str], None]
    steps: list[IterationStep] = field(default_factory=list)
    found: dict[str, Any] = field(default_factory=dict)
    seen: str = ""
    """Mark of the traffic at the last look."""

    def go(self, *, when_due: bool) -> Iteration:
        """All steps, in order."""
        serving = serving_version(self.project.store, self.place)
        self.found["serving"] = serving.model.adapter if serving else ""
        self._take_up()
        self._watch()
        if when_due and serving is not None and not self._is_due():
            return self._end()
        stages = self._stages(serving)
        dataset = stages.curate()
        self._note_stage(stages, "curate", self._what_is_new(dataset, serving))
        if self._is_as_served(dataset, serving):
            self._step("train", "skipped", "nothing is new since the version that serves")
            return self._end()
        self._note_result(self._train(stages, dataset))
        self._recurrence()
        return self._end()

    @property
    def place(self) -> str:
        """Where the version serves."""
        return self.project.spec.decide.place

    # --- what is new ------------------------------------------------------------------------------

    def _take_up(self) -> None:
        if self.project.spec.decide.rows_from_use == "none":
            self._step("take up", "skipped", "decide.rows_from_use is none")
            return
        found = take_up_from_use(
            self.project.store,
            author=self.author,
            slices=[part.field for part in self.project.spec.slices],
        )
        why = f"{plural(len(found.rows), 'row')} from use with a corrected answer"
        for reason, count in found.left_out.items():
            why += f"; {count} left out ({reason})"
        self._step("take up", "done", why)

    def _watch(self) -> None:
        """Look at use, unless nothing has happened there since the last look of this turn."""
        mark = traffic_mark(self.project.store)
        if self.seen and mark == self.seen:
            return
        self.seen = mark
        self._add(look_at_use(self.project, now=dt.datetime.now(dt.UTC)))

    def _is_due(self) -> bool:
        """Whether the decision says retrain; a version that waits is not trained again."""
        decided = decide_now(self.project)
        if decided.decision.action == "retrain":
            return True
        action, why = decided.decision.action, decided.decision.why
        self._step("train", "skipped", f"the decision is {action}: {why}")
        return False

    def _what_is_new(self, dataset: Dataset, serving: TrainedVersion | None) -> str:
        store = self.project.store
        self.found["dataset"] = dataset.id
        before = dataset_of(store, serving.model) if serving else None
        if before is None:
            return plural(dataset.rows, "row")
        inputs = {"before": before.examples, "after": dataset.examples}
        key = StageKey("dataset-diff", inputs, {"receipts": dataset.receipts})
        found = key.value(store, "difference", Difference)
        if found is None:
            with key.record(store) as run:
                found = diff(store, before, dataset)
                run.outputs["difference"] = store.put_value(found)
                run.counts |= {"added": len(found.added), "removed": len(found.removed)}
        self.found["difference"] = found
        return (
            f"{plural(len(found.added), 'row')} added, {len(found.removed)} removed, "
            f"{len(found.changed)} changed since the data of the version that serves"
        )

    def _is_as_served(self, dataset: Dataset, serving: TrainedVersion | None) -> bool:
        if serving is None:
            return False
        before = dataset_of(self.project.store, serving.model)
        return before is not None and before.id == dataset.id

    # --- the version ------------------------------------------------------------------------------

    def _stages(self, serving: TrainedVersion | None) -> Stages:
        return Stages(
            _beside_production(self.project, serving),
            progress=self.progress,
            live=self.live,
            say=self.say,
        )

    def _train(self, stages: Stages, dataset: Dataset) -> Result:
        split = stages.split(dataset)
        self._note_stage(stages, "split", f"{len(split.ids('test'))} test rows")
        trained = stages.train(dataset, split)
        self._note_stage(stages, "train", f"version {trained.model.id}")
        evaluation = stages.evaluate(dataset, split, trained.model)
        looks = plural(evaluation.looks, "look")
        self._note_stage(stages, "evaluate", f"{looks} at this test set so far")
        verdict = stages.verdict(evaluation)
        self._note_stage(stages, "verdict", f"{verdict.outcome}: {verdict.why}")
        return Result(dataset, split, trained, evaluation, verdict, tuple(stages.reused))

    def _note_result(self, result: Result) -> None:
        self.found |= {
            "version": result.trained.model.adapter,
            "outcome": result.verdict.outcome,
            "looks": result.evaluation.looks,
        }

    def _recurrence(self) -> None:
        """Whether corrected errors come back; nothing where nobody corrected any before."""
        with contextlib.suppress(UserError):
            found = measure_recurrence(self.project)
            self.found["recurrence"] = found
            rate = "no corrected row was answered" if found.rate is None else str(found.rate)
            self._step("recurrence", "done", f"corrected errors that come back: {rate}")

    # --- the end ----------------------------------------------------------------------------------

    def _end(self) -> Iteration:
        """Decide, promote what has earned it, look at use again, and keep a record of it all."""
        self._hear_trials()
        decided = decide_now(self.project)
        self._promote(decided)
        self._watch()
        if outdated(self.project.store, decided.decision):
            decide_now(self.project)
        made = Iteration(
            decision=decided.decision,
            decision_id=decided.id,
            steps=tuple(self.steps),
            **self.found,
        )
        self._keep(made)
        return made

    def _hear_trials(self) -> None:
        """What comparisons and tests on traffic say by now, and the verdict with it."""
        newest = newest_version(self.project.store)
        if newest is None or newest.model.adapter == self.found["serving"]:
            return
        steps = settle_trials(self.project, newest.model.adapter, author=self.author)
        for step in steps:
            self._add(step)
        verdict = decide_again(self.project)
        if verdict is not None and self.found.get("version"):
            self.found["outcome"] = verdict.outcome

    def _promote(self, decided: RecordedDecision) -> None:
        decision = decided.decision
        if decision.action != "promote":
            waits = decision.action == "hold" and bool(self.found.get("outcome") == "GO")
            self._step("promote", "waiting" if waits else "skipped", decision.why)
            return
        if self.project.spec.decide.promote == "never":
            self._step("promote", "waiting", "decide.promote is never: tunewell promote")
            return
        version = newest_of(decision, self.found)
        made = promote(
            self.project,
            version,
            place=self.place,
            author=self.author,
            reason=f"decision {decided.id}",
        )
        self.found["promoted"] = True
        self._step("promote", "done", f"{made.version[:12]} serves in {made.place}")

    def _keep(self, made: Iteration) -> None:
        store = self.project.store
        inputs = {name: getattr(made, name) for name in ("serving", "dataset", "version")}
        inputs["decision"] = store.put_value(made.decision)
        key = StageKey(STAGE, inputs, {"promoted": made.promoted, "author": self.author})
        with key.record(store) as run:
            run.outputs["iteration"] = store.put_value(made)
            run.counts["looks"] = made.looks

    def _note_stage(self, stages: Stages, name: str, why: str) -> None:
        self._step(name, "reused" if name in stages.reused else "done", why)

    def _step(self, name: str, state: StepState, why: str) -> None:
        self._add(
            IterationStep(
                name=name,
                state=state,
                why=why,
            )
        )

    def _add(self, step: IterationStep) -> None:
        self.steps.append(step)
        self.say(f"{step.name}: {step.state}, {step.why}")


def newest_of(decision: Decision, found: dict[str, Any]) -> str:
    """The version that a decision to promote is about: of this turn, or of an earlier one."""
    if found.get("version"):
        return str(found["version"])
    named = [line for line in decision.evidence if line.startswith(CANDIDATE)]
    return named[0].removeprefix(CANDIDATE) if named else ""


def _beside_production(project: Project, serving: TrainedVersion | None) -> Project:
    """The project with the serving version among the arms, unless the definition names one."""
    arms = project.spec.evaluate.arms
    if serving is None or any(arm.name == PRODUCTION for arm in arms):
        return project
    own = Contender(
        name=PRODUCTION,
        version=serving.model.id,
    )
    section = project.spec.evaluate.model_copy(update={"arms": (*arms, own)})
    spec = project.spec.model_copy(update={"evaluate": section})
    return Project(replace(project.file, spec=spec), project.store)
