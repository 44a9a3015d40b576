"""The stage: rows are written, judged and kept, each with its reason."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunewell.augment.accept import Judging, RowAcceptance, Written
from tunewell.augment.allowance import BUDGET, Allowance
from tunewell.augment.faithfulness import faithful
from tunewell.augment.generate import Answer, Generator, NoRow, RowAsker, Watcher
from tunewell.augment.journal import Journal
from tunewell.augment.nouns import Augmented, Candidate, CellResult, ref_of
from tunewell.augment.parents import Numbering, ParentPool
from tunewell.augment.prompts import ask_for_row
from tunewell.augment.replies import child_of
from tunewell.augment.rounds import Rounds, accepted_rows
from tunewell.augment.written_rows import WrittenRow
from tunewell.errors import UserError
from tunewell.lineage import StageKey
from tunewell.metrics.facts import Facts, facts_file, read_facts
from tunewell.model.base import GenerateOptions
from tunewell.people.erased_people import ERASURE, erased
from tunewell.people.row_changes import gold_ids
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import AugmentCell, TaskFile
from tunewell.types import Dataset, Example, Message, Split, digest

STAGE = "augment"

WAY = 2
"""Version of the way of asking and accepting: part of the key of a run."""

Rule = Callable[[Example, int], Example | None]
"""Makes a row of another without a model (row, seed); None where it does not apply."""


@dataclass(frozen=True)
class Wanted:
    """What is to be written, and by whom.

    Attributes:
        cells: Kinds of rows.
        generators: Models; may be empty where every cell has a rule.
        rules: Rules by name, for cells that are written ``by`` one.
        judge: Has the last word; None = nobody.
        judged_by: Name of the judge.
    """

    cells: Sequence[AugmentCell]
    generators: Sequence[Generator] = ()
    rules: Mapping[str, Rule] = field(default_factory=dict)
    judge: Judging | None = None
    judged_by: str = ""

    def check(self) -> None:
        """What is wrong with it is said before anything is paid for.

        Raises:
            UserError: Nothing is wanted, nobody writes, or a rule is unknown.
        """
        if not self.cells:
            raise UserError(
                "no rows are wanted: augment.cells is empty",
                hint="tunewell augment plan --from gaps   (or write augment.cells)",
            )
        unknown = sorted({cell.by for cell in self.cells if cell.by} - self.rules.keys())
        if unknown:
            raise UserError(
                f"no rule {', '.join(unknown)}",
                hint=f"there are: {', '.join(sorted(self.rules)) or 'none'}",
            )
        if not self.generators and any(not cell.by for cell in self.cells):
            raise UserError(
                "no generator is configured: augment.generators is empty",
                hint="tunewell augment run --model NAME@http://localhost:8000/v1",
            )


@dataclass(frozen=True)
class RowsOfSplit:
    """Rows that may be parents, and rows that nothing may come near.

    Attributes:
        training: Of the folds, without frozen gold.
        evaluation: Of the test set and the review pool, and every row with frozen gold.
    """

    training: Sequence[Example]
    evaluation: Sequence[Example]

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        split: Split,
        store: Store,
    ) -> RowsOfSplit:
        """Divide a dataset's rows.

        A row that is in no part (of an own test set that is larger than ``max_test_rows``) is a row
        of evaluation too, and so is every row of a family that has one.
        """
        gold = set(gold_ids(store))
        apart = {a.family for a in split.assignments if not a.part.startswith("fold-")}
        apart |= {a.family for a in split.assignments if a.id in gold}
        family = {a.id: a.family for a in split.assignments}
        training: list[Example] = []
        evaluation: list[Example] = []
        for row in store.examples(dataset):
            is_training = row.id in family and family[row.id] not in apart
            (training if is_training else evaluation).append(row)
        return cls(training, evaluation)


def facts_of_project(file: TaskFile) -> Facts | None:
    """The project's facts, where it has a file of them.

    Raises:
        UserError: The file cannot be used.
    """
    path = facts_file(file)
    return read_facts(path) if path is not None and path.is_file() else None


def augment(
    dataset: Dataset,
    split: Split,
    project: Project,
    wanted: Wanted,
    *,
    watch: Watcher | None = None,
) -> Augmented:
    """Have rows written and decide on each; goes on from its journal where it was stopped.

    Args:
        dataset: Holds the parents.
        split: Says which rows may be parents, and which nothing may come near.
        project: The project.
        wanted: What is to be written, and by whom.
        watch: Told of progress.

    Raises:
        UserError: Nothing is wanted, nobody writes, or a cell has no parent.
        ModelError: A generator cannot be used.
    """
    store = project.store
    wanted.check()
    key = key_of(dataset, split, project, wanted)
    done = key.value(store, "augmented", Augmented)
    if done is not None and not any(map(_can_go_on, done.cells)):
        return done

    rows = RowsOfSplit.of(dataset, split, store)
    with key.record(store) as writer:
        with Journal(journal_of(store)) as journal:
            work = _Work(project, rows, wanted, journal, watch)
            cells = work.rounds.go()
            cost = work.asker.cost
        accepted = accepted_rows(work.rounds.decided)
        result = Augmented(
            dataset=dataset.id,
            cells=cells,
            accepted=store.put_examples(accepted),
            decided=store.put_value(work.rounds.decided),
            content=content_of(accepted),
            cost=cost,
            generators=work.names,
            unchecked=work.acceptance.unchecked,
        )
        writer.outputs |= {"augmented": store.put_value(result), "accepted": result.accepted}
        writer.outputs["decided"] = result.decided
        writer.counts |= _counts(result)
        if journal.damaged:
            writer.counts["damaged lines of the journal"] = journal.damaged
        writer.findings.append(faithful(result, training=len(rows.training)))
    return result


def journal_of(store: Store) -> Path:
    """The file of all replies to a project's augmentations."""
    return store.root / "work" / STAGE / "journal.jsonl"


def _can_go_on(cell: CellResult) -> bool:
    """Whether a cell was stopped by the budget alone: with a larger one it goes on from there."""
    return cell.stopped.startswith(BUDGET)


def key_of(
    dataset: Dataset,
    split: Split,
    project: Project,
    wanted: Wanted,
) -> StageKey:
    """All that decides which rows are accepted, and the folder of the journal."""
    file, store = project.file, project.store
    section = file.spec.augment
    # How much may be spent and how fast decides how far a run gets: one that was stopped by its
    # budget goes on from the same journal with a larger one.
    asked = section.model_dump(
        mode="json",
        by_alias=True,
        exclude={"cells", "generators"},
    )
    for name in ("budget", "checked", "take_up"):
        asked.pop(name)
    facts = facts_file(file)
    parameters: dict[str, Any] = {
        "way": WAY,
        "cells": [cell.model_dump(mode="json", by_alias=True) for cell in wanted.cells],
        "generators": [_identity(generator) for generator in wanted.generators],
        "asked": asked,
        "judge": wanted.judged_by,
        "task": file.spec.task.model_dump(mode="json"),
        "rules": file.spec.rules.model_dump(mode="json", by_alias=True),
        "facts": hashlib.sha256(facts.read_bytes()).hexdigest()
        if facts is not None and facts.is_file()
        else "",
        "gold": digest(sorted(gold_ids(store))),
    }
    inputs = {"dataset": store.put_value(dataset), "split": store.put_value(split)}
    gone = sorted(event.subject for event in store.said(ERASURE))
    if gone:
        parameters["erased"] = gone
    return StageKey(STAGE, inputs, parameters, section.seed)


def _identity(generator: Generator) -> dict[str, Any]:
    spec = generator.spec
    return {"model": generator.model.name, "share": spec.share}


def content_of(rows: Sequence[Example]) -> str:
    """SHA-256 of rows, in order."""
    return digest([row.model_dump(mode="json") for row in rows])


def _counts(result: Augmented) -> dict[str, int]:
    rejected: Counter[str] = Counter()
    failed = 0
    for cell in result.cells:
        rejected.update(cell.rejected)
        failed += sum(cell.failed.values())
    counts = {"asked": result.asked, "accepted": result.rows, "failed": failed}
    counts["rejected"] = rejected.total()
    return counts | {f"rejected: {reason}": n for reason, n in rejected.most_common()}


class _Work:
    """The parts of an augmentation, put together.

    Args:
        project: The project.
        rows: Parents and evaluation.
        wanted: What is to be written.
        journal: Replies so far.
        watch: Told of progress.
    """

    def __init__(
        self,
        project: Project,
        rows: RowsOfSplit,
        wanted: Wanted,
        journal: Journal,
        watch: Watcher | None,
    ) -> None:
        file = project.file
        self._file = file
        self._wanted = wanted
        self._cells = {cell.name: cell for cell in wanted.cells}
        section = file.spec.augment
        pool = ParentPool.of(wanted.cells, rows.training, seed=section.seed)
        self._parents = pool.rows
        self._slices = frozenset(s.field.removeprefix("tags.") for s in file.spec.slices)
        self._numbering = Numbering(pool, [generator.spec for generator in wanted.generators])
        self._allowance = Allowance(section.budget)
        self._options = GenerateOptions(
            max_new_tokens=section.max_new_tokens, temperature=section.temperature
        )
        self.asker = RowAsker(
            wanted.generators,
            journal,
            self._prompt,
            self._parents,
            options=self._options,
            tries=section.tries,
            allowance=self._allowance,
            watch=watch,
        )
        self.acceptance = RowAcceptance(
            file,
            rows.training,
            rows.evaluation,
            cells=self._cells,
            parents=self._parents,
            facts=facts_of_project(file),
            judge=wanted.judge,
            erased=erased(project.store),
        )
        self.rounds = Rounds(
            cells=wanted.cells,
            next=self._next,
            asking=self,
            deciding=self.acceptance,
            child=self._child,
            least_rate=section.least_rate,
            most=section.budget.rows,
            budget_says=lambda: self._allowance.why,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Who writes."""
        rules = sorted({cell.by for cell in self._wanted.cells if cell.by})
        return (*(g.model.name for g in self._wanted.generators), *rules)

    def _next(self, name: str) -> Candidate:
        """The next candidate of a cell, named by all that decides what is asked, and of whom."""
        candidate = self._numbering.next(name)
        by = self._cells[name].by
        if by:
            return candidate
        generator = self._wanted.generators[candidate.generator]
        asked = [turn.content for turn in self._prompt(candidate)]
        # Not the address: a server that has moved is the same writer.
        who = [generator.model.name, self._options.model_dump(mode="json")]
        seed = self._file.spec.augment.seed
        return candidate.model_copy(update={"ref": ref_of(seed, name, candidate.place, asked, who)})

    def ask(self, candidates: Sequence[Candidate]) -> dict[int, Answer]:
        """Rows by rules at once, all others from the generators."""
        answers: dict[int, Answer] = {}
        asked = []
        for candidate in candidates:
            by = self._cells[candidate.cell].by
            if by:
                answers[candidate.number] = self._by_rule(by, candidate)
            else:
                asked.append(candidate)
        if asked:
            answers |= self.asker.ask(asked)
        return answers

    def _by_rule(
        self,
        name: str,
        candidate: Candidate,
    ) -> Answer:
        seed = self._file.spec.augment.seed + candidate.place
        parent = self._parents[candidate.parent]
        made = self._wanted.rules[name](parent, seed)
        if made is None:
            return NoRow("the rule does not apply")
        turns = tuple(turn.content for turn in made.prompt if turn.role != "system")
        audio = made.audio[-1] if made.audio else ""
        return WrittenRow(turns, made.target, audio, made.kind)

    def _prompt(self, candidate: Candidate) -> tuple[Message, ...]:
        cell, parent = self._cells[candidate.cell], self._parents[candidate.parent]
        return ask_for_row(candidate, cell, parent, self._file.spec)

    def _child(
        self,
        candidate: Candidate,
        answer: Answer,
    ) -> Written:
        assert isinstance(answer, WrittenRow)
        cell, parent = self._cells[candidate.cell], self._parents[candidate.parent]
        writer = cell.by or self._wanted.generators[candidate.generator].model.name
        child = child_of(
            parent,
            answer,
            cell,
            candidate,
            generator=writer,
            kept_tags=self._slices,
        )
        return Written(candidate, child, writer)
