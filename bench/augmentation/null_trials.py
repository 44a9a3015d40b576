"""Two hundred trials of rows that cannot help, and some of rows that do, with the tiny test model.

Rows that cannot help are the parents themselves, copied: both sides then train on the same kind of
rows, and only chance sets them apart. A trial that says "pays" of them is wrong. Rows that help are
new rows of the same task::

    python -m bench.augmentation.null_trials      # all that are missing
    python -m bench.augmentation.null_trials 20   # twenty more
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine import RESULTS, keep
from tunewell.model.weights import resolve
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import TaskFile, parse_task
from tunewell.testing.tiny import tiny_model_folder
from tunewell.train.studies.added_rows import AddedRows, added_rows
from tunewell.types import Assignment, Dataset, Example, Message, Recipe, Split

TASK = """
task: {name: desk, about: Answers of a service desk., input: a question, output: an answer}
data: [{path: rows.jsonl}]
"""
WORDS = (
    "meter bill tariff outage reading supply contract invoice north south paid due date amount"
).split()
ROWS = 45
ADDED = 30
FOLDS = 3
TRIALS = 200
HELPFUL = 20


def rows_of(seed: int, count: int, *, prefix: str) -> list[Example]:
    """Rows whose answer is the first word of the question."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(count):
        words = rng.choice(WORDS, int(rng.integers(2, 9)))
        turns = (
            Message(role="user", content=" ".join(words)),
            Message(role="assistant", content=str(words[0])),
        )
        found.append(Example(id=f"{prefix}{i:03}", messages=turns))
    return found


def children(rows: list[Example], seed: int, *, help_: bool) -> list[Example]:
    """Copies of parents, or new rows."""
    rng = np.random.default_rng(seed)
    fresh = rows_of(seed + 1_000_000, ADDED, prefix="n")
    made = []
    for i, place in enumerate(rng.choice(len(rows), ADDED).tolist()):
        parent = rows[place]
        row = fresh[i] if help_ else parent
        told = {"id": f"{parent.id}~s-{i}", "parent": parent.id, "origin": "augmentation"}
        made.append(row.model_copy(update=told))
    return made


def trial(folder: Path, model: Path, seed: int, *, help_: bool) -> AddedRows:
    """One trial, with rows, draw and weights' start of its own."""
    recipe = Recipe(
        model=str(model),
        rank=4,
        alpha=8,
        rate=1e-2,
        epochs=1,
        tokens_per_batch=256,
        fold_layers=0.5,
        seed=seed,
    )
    rows = rows_of(seed, ROWS, prefix="r")
    with Store(folder) as store:
        dataset = Dataset(
            id=f"{seed:064}", rows=ROWS, examples=store.put_examples(rows), receipts=""
        )
        assignments = []
        for i, row in enumerate(rows):
            assignments.append(Assignment(id=row.id, family=row.id, part=f"fold-{i % FOLDS}"))
        split = Split(dataset=dataset.id, folds=FOLDS, seed=0, assignments=tuple(assignments))
        file = parse_task(TASK, path=folder / "tunewell.yaml", environment={})
        spec = file.spec.model_copy(update={"train": recipe})
        project = Project(TaskFile(spec=spec, path=file.path), store)
        return added_rows(dataset, split, children(rows, seed, help_=help_), project)


def summed(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Verdicts, gains and what would have been detected."""
    gains = np.array([each["gain"]["value"] for each in found])
    return {
        "trials": len(found),
        "verdicts": dict(Counter(each["verdict"] for each in found)),
        "mean gain, nats a token": float(gains.mean()),
        "spread of the gain": float(gains.std(ddof=1)),
        "detectable gain, median": float(np.median([each["detectable"] for each in found])),
        "held-out loss, mean": float(np.mean([each["without"]["value"] for each in found])),
        "methods": dict(Counter(each["gain"]["method"] for each in found)),
    }


def main() -> None:
    """Run so many more trials than are kept (all that are missing without a number)."""
    path = RESULTS / "augmentation-null-trials.json"
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {"trials": {}}
    trials: dict[str, list[dict[str, Any]]] = kept["trials"]
    more = int(sys.argv[1]) if len(sys.argv) > 1 else TRIALS + HELPFUL
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model = tiny_model_folder(folder / "model", layers=2)
        resolve(str(model))
        for name, help_, count in (
            ("rows that cannot help", False, TRIALS),
            ("new rows", True, HELPFUL),
        ):
            done = trials.setdefault(name, [])
            while len(done) < count and more > 0:
                more -= 1
                run = folder / f"{help_}-{len(done)}"
                run.mkdir()
                found = trial(run, model, len(done), help_=help_)
                done.append(found.model_dump(mode="json", exclude={"slices", "in_words"}))
    result = {name: summed(done) for name, done in trials.items() if len(done) > 1}
    print(result)
    allowed = {"pays, of 200 that cannot help": 16}
    print(keep("augmentation-null-trials", {**result, "allowed": allowed, "trials": trials}))


if __name__ == "__main__":
    main()
