"""A project on disk with made-up rows, for the stage and for the process that is killed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import TaskFile, parse_task
from tunewell.types import Assignment, Dataset, Example, Recipe, Split

TASK = """
task: {name: desk, about: Answers of a service desk., input: a question, output: an answer}
data: [{path: rows.jsonl}]
"""


def make_project(
    folder: Path, examples: Sequence[Example], recipe: Recipe, *, folds: int = 3
) -> tuple[Dataset, Split, TaskFile, Store]:
    """Rows in folds, the last two of them outside (test, review)."""
    folder.mkdir(parents=True, exist_ok=True)
    store = Store(folder)
    rows = sorted(examples, key=lambda e: e.id)
    dataset = Dataset(id="d" * 64, rows=len(rows), examples=store.put_examples(rows), receipts="")
    parts = [f"fold-{i % folds}" for i in range(len(rows) - 2)] + ["test", "review"]
    assigned = tuple(
        Assignment(id=e.id, family=f"f{e.id}", part=p) for e, p in zip(rows, parts, strict=True)
    )
    split = Split(dataset=dataset.id, folds=folds, seed=0, assignments=assigned)
    file = parse_task(TASK, path=folder / "tunewell.yaml", environment={})
    spec = file.spec.model_copy(update={"train": recipe})
    return dataset, split, TaskFile(spec=spec, path=file.path), store


def opened_project(
    folder: Path, examples: Sequence[Example], recipe: Recipe, *, folds: int = 3
) -> tuple[Dataset, Split, Project]:
    """As `make_project`, in the form that stages take."""
    dataset, split, file, store = make_project(folder, examples, recipe, folds=folds)
    return dataset, split, Project(file, store)
