"""Augmentation put together: plans from what other stages know, judges, trials, what is taken up.

No stage knows another; what augmentation needs of them, and what training needs of augmentation,
goes through here.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tunewell.augment import (
    LOCAL_BATCH,
    SCHEMA,
    Augmented,
    Generator,
    RowsOfSplit,
    Rule,
    Wanted,
    facts_of_project,
)
from tunewell.augment.accept import Judging
from tunewell.augment.erasure import without_erased
from tunewell.augment.expert_sample import ASKED
from tunewell.augment.results import newest_augmentation, standing
from tunewell.augment.sources import (
    StressedKind,
    TaggedError,
    changed_facts,
    contradictions,
    counterfactuals,
    gaps,
    stress_failures,
    tagged_errors,
    without_doubles,
)
from tunewell.errors import UserError
from tunewell.lineage import StageKey
from tunewell.model.base import Model
from tunewell.model.budget import RequestPolicy
from tunewell.people import WorkStore
from tunewell.people.erased_people import ERASURE
from tunewell.people.nearest_texts import Near
from tunewell.project import Project
from tunewell.store import Store
from tunewell.store.rows import content_digest, examples_to_table, receipts_to_table
from tunewell.task import AugmentCell, GeneratorSpec
from tunewell.train.studies.added_rows import newest_trial
from tunewell.types import (
    Dataset,
    Estimate,
    Example,
    Finding,
    Receipt,
    Split,
    Unscored,
    digest,
)

if TYPE_CHECKING:
    from tunewell.evaluate.stress import Perturbation, Stressed

PLAN_EVENT: Final = "augment-plan"
TAKEN_UP: Final = "augmented-data"

NEAREST: Final = 3
"""Training rows that stand for each row on which reviewers ticked an error."""

_HALF: Final = 0.5


# --- plans ----------------------------------------------------------------------------------------


def planned_cells(
    project: Project,
    dataset: Dataset,
    split: Split,
    sources: Sequence[str],
    *,
    rows: int,
) -> tuple[AugmentCell, ...]:
    """Cells of ``augment.cells`` and of what the project knows.

    Args:
        project: The project.
        dataset: Its rows.
        split: Says which of them may be parents.
        sources: Where cells come from, beside the definition.
        rows: Of each cell whose source does not say how many are missing.
    """
    training = RowsOfSplit.of(dataset, split, project.store).training
    spec = project.spec
    found = list(spec.augment.cells)
    makers: Mapping[str, Callable[[], list[AugmentCell]]] = {
        "gaps": lambda: gaps(spec.slices, training),
        "stress": lambda: stress_failures(_stressed(project.store), rows=rows),
        "review": lambda: tagged_errors(_tagged(project.store, training), rows=rows),
        "contradictions": lambda: contradictions(training, rows=rows),
        "facts": lambda: _of_facts(project, training, rows=rows),
        "counterfactual": lambda: counterfactuals(training, language=spec.task.language, rows=rows),
    }
    for source in sources:
        found += makers[source]()
    return without_doubles(found)


def _of_facts(
    project: Project,
    training: Sequence[Example],
    *,
    rows: int,
) -> list[AugmentCell]:
    facts = facts_of_project(project.file)
    if facts is None:
        raise UserError(
            "the project has no facts file", hint="rules: {facts: facts.yaml} in tunewell.yaml"
        )
    dates = [row.date for row in training if row.date]
    today = max(dates, default=dt.datetime.now(dt.UTC).date())
    return changed_facts(
        facts,
        training,
        today=today,
        rows=rows,
    )


def _stressed(store: Store) -> list[StressedKind]:
    """The kinds of stress under which the newest version surely fails more often.

    Raises:
        UserError: There was no stress test.
    """
    from tunewell.evaluate.stress import PERTURBATIONS, Stressed
    from tunewell.evaluate.stress.recordings import STEPS

    run = store.last_run("stress")
    if run is None:
        raise UserError("there was no stress test yet", hint="tunewell stress")
    stressed = store.get_value(run.outputs["stressed"], Stressed)
    failing = Counter(row.tags["perturbation"] for row in store.examples(run.outputs["failures"]))
    worse = _surely_worse(stressed)
    found = []
    for kind in stressed.kinds:
        surely = kind.increase.low > 0 and kind.label != "not kept"
        if surely and kind.name in {*PERTURBATIONS, *STEPS}:
            found.append(StressedKind(kind.name, kind.about, failing[kind.name]))
        elif kind.name in worse:
            found.append(StressedKind(kind.name, kind.about, kind.rows))
    return found


def _surely_worse(stressed: Stressed) -> set[str]:
    """Steps at which recordings have surely more errors per word, however many rows fail."""
    found = set()
    for curve in stressed.curves:
        for step in curve.steps:
            if isinstance(step.increase, Estimate) and step.increase.low > 0:
                found.add(step.step)
    return found


def _tagged(
    store: Store,
    training: Sequence[Example],
) -> list[TaggedError]:
    """Kinds of error that reviewers ticked, with the training rows most like those rows."""
    book = WorkStore(store)
    asked: dict[str, dict[str, str]] = defaultdict(dict)
    comments: dict[str, list[str]] = defaultdict(list)
    for batch in book.batches(kind="review"):
        items = {item.id: item for item in book.items(batch.id)}
        for verdict in book.verdicts(batch.id):
            item = items.get(verdict.item)
            if item is None or verdict.said.skipped:
                continue
            for tag in verdict.said.tags:
                asked[tag][item.example] = item.source
                if verdict.said.comment.strip():
                    comments[tag].append(verdict.said.comment.strip())
    near = Near([row.input for row in training])
    found = []
    for tag, sources in asked.items():
        nearest: dict[str, None] = {}
        for text in sources.values():
            for place, _ in near.to(text, count=NEAREST):
                nearest[training[place].id] = None
        if nearest:
            found.append(TaggedError(tag, len(sources), tuple(nearest), tuple(comments[tag])))
    return found


def note_plan(
    project: Project,
    dataset: Dataset,
    cells: Sequence[AugmentCell],
    author: str,
) -> None:
    """Remember a plan: ``tunewell augment run`` goes by the newest of its dataset."""
    record = {
        "cells": [cell.model_dump(mode="json", by_alias=True) for cell in cells],
        "definition": _cells_as_defined(project),
    }
    project.store.say(
        PLAN_EVENT,
        dataset.id,
        author=author,
        record=record,
    )


def _cells_as_defined(project: Project) -> str:
    cells = project.spec.augment.cells
    return digest([cell.model_dump(mode="json", by_alias=True) for cell in cells])


def noted_plan(
    project: Project,
    dataset: Dataset,
) -> tuple[AugmentCell, ...]:
    """The newest plan of a dataset.

    Nothing if there is none, or if ``augment.cells`` has changed since: what is written last
    counts.
    """
    said = project.store.said(PLAN_EVENT, subject=dataset.id)
    if not said or said[-1].record["definition"] != _cells_as_defined(project):
        return ()
    return tuple(AugmentCell.model_validate(cell) for cell in said[-1].record["cells"])


# --- who writes and who judges --------------------------------------------------------------------


def rules(project: Project, training: Sequence[Example] = ()) -> dict[str, Rule]:
    """The perturbations of the stress test, as rules that write rows.

    Args:
        project: Keeps the recordings that are made.
        training: Whose speakers are heard as the others in babble.
    """
    from tunewell.evaluate.stress import PERTURBATIONS
    from tunewell.evaluate.stress.recordings import Recordings

    found = {name: _rule(by) for name, by in PERTURBATIONS.items()}
    if any(row.audio for row in training):
        for by in Recordings(project.store.files, training).perturbations():
            found[by.name] = _rule(by)
    return found


def _rule(perturbation: Perturbation) -> Rule:
    def rule(
        row: Example,
        seed: int,
    ) -> Example | None:
        return perturbation(row, seed=seed)

    return rule


def open_generators(specs: Sequence[GeneratorSpec]) -> list[Generator]:
    """The models that write, opened.

    Raises:
        ModelError: A model cannot be used.
        MissingExtraError: The extra ``endpoint`` or ``train`` is not installed.
    """
    found = []
    for spec in specs:
        if spec.url:
            from tunewell.model.endpoint import EndpointModel

            policy = RequestPolicy(
                in_flight=spec.in_flight, timeout_s=spec.timeout_s, answer_schema=SCHEMA
            )
            model: Model = EndpointModel(
                spec.model, base_url=spec.url, key_variable=spec.key_variable, policy=policy
            )
            found.append(Generator(spec, model))
        else:
            from tunewell.model.local import LocalModel

            one_at_a_time = spec.model_copy(update={"in_flight": 1})
            found.append(Generator(one_at_a_time, LocalModel(spec.model), together=LOCAL_BATCH))
    return found


def model_named(name: str) -> GeneratorSpec:
    """A model given on the command line: a name of weights, or ``NAME@URL``.

    Example:
        >>> spec = model_named("qwen@http://localhost:8000/v1")
        >>> spec.model, spec.url
        ('qwen', 'http://localhost:8000/v1')
    """
    model, _, url = name.partition("@")
    if url.startswith(("http://", "https://")):
        return GeneratorSpec(
            model=model,
            url=url,
        )
    return GeneratorSpec(model=name)


def judge_of(project: Project) -> Judging | None:
    """The judge that ``augment.judge`` names, as acceptance asks it; None if it names none."""
    name = project.spec.augment.judge
    if not name:
        return None
    from tunewell.metrics.judge.judge import Judge
    from tunewell.metrics.judge.lazy_model import LazyModel

    spec = model_named(name)
    judge = Judge(LazyModel(spec.model, spec.url), cache=project.store.root / "judged")

    def judged(pairs: Sequence[tuple[Example, Example]]) -> list[str]:
        outputs = [(child.target, child) for child, _ in pairs]
        reasons = []
        for verdict in judge.judge(ASKED, outputs, task=project.spec):
            value = verdict.value
            if isinstance(value, Unscored):
                # Doubt keeps a row out: there are more where it came from.
                reasons.append(f"no verdict: {value.reason}")
            else:
                reasons.append("" if value >= _HALF else verdict.reason or "the judge says no")
        return reasons

    return judged


def wanted(
    project: Project,
    cells: Sequence[AugmentCell],
    generators: Sequence[GeneratorSpec],
    *,
    training: Sequence[Example] = (),
) -> Wanted:
    """What is to be written, by whom, and who has the last word.

    Args:
        project: The project.
        cells: Kinds of rows.
        generators: Models that write.
        training: Rows that may be parents; needed where they are heard.
    """
    written = any(not cell.by for cell in cells)
    return Wanted(
        cells=cells,
        generators=open_generators(generators) if written else (),
        rules=rules(project, training),
        judge=judge_of(project),
        judged_by=project.spec.augment.judge,
    )


# --- what was accepted, and whether it is used ----------------------------------------------------


@dataclass(frozen=True)
class RowsTakenUp:
    """The data to train on.

    Attributes:
        dataset: With the accepted rows, or as it was.
        split: Every accepted row in its parent's family.
        why: What was taken up, or why nothing was; empty where there is no augmentation.
    """

    dataset: Dataset
    split: Split
    why: str = ""


def take_up_rows(
    project: Project,
    dataset: Dataset,
    split: Split,
) -> RowsTakenUp:
    """The data with the rows of its newest augmentation, if ``augment.take_up`` says so.

    Only rows that a trial has shown to pay, unless it says ``always``. The test set, the review
    pool and the parts of all other rows stay as they are. A row that would join two families is
    left out.
    """
    store, mode = project.store, project.spec.augment.take_up
    result = newest_augmentation(store, dataset)
    if result is None or not result.rows:
        return RowsTakenUp(dataset, split)
    if mode == "never":
        return RowsTakenUp(
            dataset, split, f"{result.rows} synthetic rows left out: take_up = never"
        )
    if mode == "proved":
        trial = newest_trial(store, result.accepted)
        if trial is None:
            return RowsTakenUp(
                dataset,
                split,
                f"{result.rows} synthetic rows left out: no trial has shown that they pay "
                "(tunewell augment trial)",
            )
        if trial.verdict != "pays":
            return RowsTakenUp(
                dataset, split, f"{result.rows} synthetic rows left out: {trial.in_words}"
            )
    return _with_rows(project, dataset, split, result)


def _with_rows(
    project: Project,
    dataset: Dataset,
    split: Split,
    result: Augmented,
) -> RowsTakenUp:
    store = project.store
    inputs = {
        "dataset": store.put_value(dataset),
        "split": store.put_value(split),
        "accepted": result.accepted,
    }
    gone = sorted(event.subject for event in store.said(ERASURE))
    key = StageKey(TAKEN_UP, inputs, {"way": 1, "erased": gone} if gone else {"way": 1})
    done = key.finished(store)
    if done is not None:
        return RowsTakenUp(
            store.get_value(done.outputs["dataset"], Dataset),
            store.get_value(done.outputs["split"], Split),
            f"{done.counts['taken']} synthetic rows are trained on",
        )
    with key.record(store) as writer:
        accepted = without_erased(store, store.examples(result.accepted))
        training = RowsOfSplit.of(dataset, split, store).training
        joining = joins_families(training, split, accepted)
        taken = [row for row in accepted if row.id not in joining]
        made = _version(store, dataset, taken, joining)
        dealt = _dealt(split, made.id, taken)
        writer.outputs |= {"dataset": store.put_value(made), "split": store.put_value(dealt)}
        writer.outputs |= {"examples": made.examples, "receipts": made.receipts}
        writer.counts |= {"accepted": len(accepted), "taken": len(taken), "left out": len(joining)}
    return RowsTakenUp(made, dealt, f"{len(taken)} synthetic rows are trained on")


def joins_families(
    training: Sequence[Example],
    split: Split,
    accepted: Sequence[Example],
) -> dict[str, str]:
    """Rows that would make one family of two, with a row of the other family."""
    from tunewell.split.families import families

    of_row = {a.id: a.family for a in split.assignments}
    of_row |= {row.id: of_row[row.parent] for row in accepted if row.parent in of_row}
    found = {row.id: row.parent for row in accepted if row.parent not in of_row}
    left = [row for row in accepted if row.id not in found]
    # Leaving out rows can part families again: until all are whole.
    while left:
        rows = [*training, *left]
        joined: dict[str, str] = {}
        for members in families(rows):
            joined |= _joining([rows[i] for i in members], of_row)
        if not joined:
            break
        found |= joined
        left = [row for row in left if row.id not in joined]
    return found


def _joining(
    members: Sequence[Example],
    of_row: Mapping[str, str],
) -> dict[str, str]:
    """Synthetic rows of a linked group of several families that link them, with a row of another.

    Those that do so by themselves; where none does, those that do so together.
    """
    if len({of_row[row.id] for row in members}) < 2:
        return {}
    real = [row for row in members if row.origin != "augmentation"]
    synthetic = [row for row in members if row.origin == "augmentation"]
    found = {}
    for row in synthetic:
        other = _linked(row, real, of_row)
        if other:
            found[row.id] = other
    return found or {row.id: row.parent for row in synthetic}


def _linked(
    row: Example,
    real: Sequence[Example],
    of_row: Mapping[str, str],
) -> str:
    """A row of another family that a synthetic row links to its own; empty if there is none."""
    from tunewell.split.families import families

    rows = [*real, row]
    for group in families(rows):
        if len(real) not in group:
            continue
        for place in group:
            if of_row[rows[place].id] != of_row[row.id]:
                return rows[place].id
    return ""


def _version(
    store: Store,
    dataset: Dataset,
    taken: Sequence[Example],
    joining: Mapping[str, str],
) -> Dataset:
    """The dataset with more rows, each with its receipt."""
    rows = [*store.examples(dataset), *taken]
    examples = examples_to_table(sorted(rows, key=lambda row: row.id))
    receipts = [*store.receipts(dataset)] if dataset.receipts else []
    receipts += [_receipt(row.id, row.parent, row.tags.get("augmentation", "")) for row in taken]
    for id, other in joining.items():
        receipts.append(
            Receipt(
                row=id,
                place="augmentation",
                step="augment",
                order=0,
                action="dropped",
                rule="it would join the families of two rows",
                code="D11",
                other=other,
            )
        )
    table = receipts_to_table(receipts).sort_by([("row", "ascending"), ("order", "ascending")])
    content = {"examples": content_digest(examples), "receipts": content_digest(table)}
    return Dataset(
        id=digest({**content, "held_out": list(dataset.held_out)}),
        rows=len(rows),
        examples=store.put_table(examples),
        receipts=store.put_table(table),
        held_out=dataset.held_out,
        read=dataset.read,
        parent=dataset.id,
    )


def _receipt(
    row: str,
    parent: str,
    cell: str,
) -> Receipt:
    return Receipt(
        row=row,
        place="augmentation",
        step="augment",
        order=0,
        action="kept",
        rule="written by a model and accepted by every check",
        cites="tunewell augment",
        evidence=f"cell {cell}",
        other=parent,
    )


def _dealt(
    split: Split,
    dataset: str,
    taken: Sequence[Example],
) -> Split:
    place = {a.id: a for a in split.assignments}
    added = [place[row.parent].model_copy(update={"id": row.id}) for row in taken]
    ordered = sorted([*split.assignments, *added], key=lambda a: a.id)
    return split.model_copy(update={"dataset": dataset, "assignments": tuple(ordered)})


def finding_of_training(store: Store) -> Finding | None:
    """D15 of the synthetic rows that the newest version was trained on; None if there were none."""
    trained, taken = store.last_run("train"), store.last_run(TAKEN_UP)
    if trained is None or taken is None:
        return None
    if trained.inputs.get("examples") != taken.outputs.get("examples"):
        return None
    dataset = store.get_value(taken.inputs["dataset"], Dataset)
    result = newest_augmentation(store, dataset)
    if result is None:
        return None
    return standing(store, result, training=dataset.rows - len(dataset.held_out))
