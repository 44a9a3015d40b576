"""Real rows as a project on disk, so that a benchmark runs the stages that a user runs."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tunewell.store import Store
from tunewell.task import TaskFile, parse_task
from tunewell.types import Assignment, Dataset, Example, Message, Recipe, Split

TASK = """
task: {name: bench, about: A benchmark of training., input: a text, output: a shorter text}
data: [{path: rows.jsonl}]
"""
SYSTEM = {
    "legal": "You put contracts into plain English.",
    "mts_dialog": "You write the section of a medical note that a conversation belongs to.",
    "banking": "You name the intent of a bank customer's question.",
}


def data(*parts: str) -> Path:
    """A file of the shared data sets, or an end with a reason."""
    path = Path(os.environ.get("TUNEWELL_DATA", "../shared/data")).joinpath(*parts)
    if not path.is_file():
        sys.exit(f"no {path}: set TUNEWELL_DATA")
    return path


def pairs(name: str) -> list[tuple[str, str, str]]:
    """(id, input, target) of every row of a set: ``legal``, ``mts_dialog`` or ``banking``."""
    if name == "legal":
        found = json.loads(data("legal_summarization", "all_v1.json").read_text(encoding="utf-8"))
        return [
            (k, found[k]["original_text"], found[k]["reference_summary"]) for k in sorted(found)
        ]
    if name == "mts_dialog":
        with data("mts_dialog", "Main-Dataset", "MTS-Dialog-TrainingSet.csv").open(
            encoding="utf-8", newline=""
        ) as file:
            return [
                (r["ID"], f"{r['section_header']}\n{r['dialogue']}", r["section_text"])
                for r in csv.DictReader(file)
            ]
    with data("banking77", "train.csv").open(encoding="utf-8", newline="") as file:
        return [
            (str(i), r["text"], r["category"].replace("_", " "))
            for i, r in enumerate(csv.DictReader(file))
        ]


def examples(name: str, rows: int, *, seed: int = 0) -> list[Example]:
    """Rows of a set in an order drawn by seed."""
    found = pairs(name)
    order = np.random.default_rng(seed).permutation(len(found))[:rows]
    return [
        Example(
            id=found[i][0],
            messages=(
                Message(role="system", content=SYSTEM[name]),
                Message(role="user", content=found[i][1]),
                Message(role="assistant", content=found[i][2]),
            ),
        )
        for i in order.tolist()
    ]


def project(
    folder: Path, rows: Sequence[Example], recipe: Recipe, *, folds: int
) -> tuple[Dataset, Split, TaskFile, Store]:
    """A project whose rows are all in folds."""
    folder.mkdir(parents=True, exist_ok=True)
    store = Store(folder)
    ordered = sorted(rows, key=lambda e: e.id)
    dataset = Dataset(
        id="b" * 64, rows=len(ordered), examples=store.put_examples(ordered), receipts=""
    )
    assigned = tuple(
        Assignment(id=e.id, family=e.id, part=f"fold-{i % folds}") for i, e in enumerate(ordered)
    )
    split = Split(dataset=dataset.id, folds=folds, seed=0, assignments=assigned)
    file = parse_task(TASK, path=folder / "tunewell.yaml", environment={})
    spec = file.spec.model_copy(update={"train": recipe})
    return dataset, split, TaskFile(spec=spec, path=file.path), store
