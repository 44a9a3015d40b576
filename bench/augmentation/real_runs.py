"""Real augmentations of real data, judged and tried; small, so that two cores train them.

``notes``: the published back-translations of `mts_dialog` are judged as candidates; what is
accepted is tried against as many tokens of its parents, and so is everything, unjudged. ``legal``:
`legal_summarization` with the best writer that there can be: clauses that people wrote, held back,
as children of the row that is most like each. ``stress``: which section a talk belongs to, before
and after an augmentation by the kinds of stress under which the model fails. ``embedded``: the
packaged model writes, asked through ``tunewell model serve``::

    python -m bench.augmentation.real_runs notes legal stress embedded

What was trained is kept in a folder beside the system's other temporary files: a run that was
stopped goes on from there.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.augmentation.acceptance import Judged, held_back
from bench.augmentation.data import RealRows, back_translations, legal, notes
from bench.machine import RESULTS, keep
from tunewell.augment import Augmented, Decided, augment
from tunewell.augmented import model_named, planned_cells, wanted
from tunewell.project import Project
from tunewell.run import Stages
from tunewell.store import Store
from tunewell.store.chat_rows import chat_row
from tunewell.task import TaskFile
from tunewell.train.studies.added_rows import added_rows
from tunewell.types import Assignment, Dataset, Example, Message, Recipe, Split

RECIPE = Recipe(
    model="smollm2-135m",
    rank=8,
    epochs=1,
    rate=1e-3,
    fold_layers=0.25,
    layers=0.25,
    max_tokens=140,
    seed=1,
)
PARENTS = 48
WORDS = 45
FOLDS = 3


def dealt(store: Store, rows: Sequence[Example]) -> tuple[Dataset, Split]:
    """Rows in folds, by their order."""
    examples = store.put_examples(rows)
    dataset = Dataset(id=examples, rows=len(rows), examples=examples, receipts="")
    assignments = []
    for i, row in enumerate(sorted(rows, key=lambda each: each.id)):
        assignments.append(Assignment(id=row.id, family=row.id, part=f"fold-{i % FOLDS}"))
    split = Split(dataset=examples, folds=FOLDS, seed=0, assignments=tuple(assignments))
    return dataset, split


def with_recipe(rows: RealRows, recipe: Recipe) -> TaskFile:
    """The definition with a recipe."""
    spec = rows.file.spec.model_copy(update={"train": recipe})
    return TaskFile(spec=spec, path=rows.file.path)


def run_notes(folder: Path) -> dict[str, Any]:
    """The published back-translations, judged and tried."""
    medical = notes()
    short = [row for row in medical.training if len(row.input.split()) < WORDS][:PARENTS]
    known = {row.id for row in short}
    judged = Judged(medical, short)
    found: dict[str, Any] = {}
    for language in ("FR", "ES"):
        pairs = [(p, c) for p, c in back_translations(language) if p.id in known]
        decided = judged.decide(pairs)
        found[language] = {
            "asked": len(pairs),
            "as": dict(Counter(each.reason or "accepted" for each in decided)),
        }
        if language != TRIED:
            continue
        accepted = [each.row for each in decided if each.row and each.fate == "accepted"]
        with tried_in(folder / language, medical, short) as trial:
            found[language]["trial of the accepted"] = trial(accepted)
            found[language]["trial of all, unjudged"] = trial([child for _, child in pairs])
    return found


TRIED = "FR"


@contextmanager
def tried_in(folder: Path, rows: RealRows, training: Sequence[Example]) -> Iterator[Any]:
    """Trials of added rows over folds of the training rows, in a store of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    with Store(folder) as store:
        dataset, split = dealt(store, training)
        project = Project(with_recipe(rows, RECIPE), store)

        def trial(added: Sequence[Example]) -> dict[str, Any]:
            began = time.process_time()
            values = told(added_rows(dataset, split, added, project))
            seconds = round(time.process_time() - began)
            return {**values, "processor seconds": seconds}

        yield trial


def run_legal(folder: Path) -> dict[str, Any]:
    """Clauses that people wrote, as if a model had written them."""
    judged, pairs = held_back(legal())
    short = {row.id for row in judged.training if len(row.input.split()) < WORDS}
    pairs = [(p, c) for p, c in pairs if p.id in short and len(c.input.split()) < WORDS]
    decided = judged.decide(pairs)
    accepted = [each.row for each in decided if each.row and each.fate == "accepted"]
    accepted = [row.model_copy(update={"origin": "augmentation"}) for row in accepted]
    used = [row.parent for row in accepted]
    training = [row for row in judged.training if row.id in short]
    training = sorted(training, key=lambda row: row.id not in used)[:PARENTS]
    known = {row.id for row in training}
    accepted = [row for row in accepted if row.parent in known]
    with tried_in(folder, judged.rows, training) as trial:
        return {
            "asked": len(pairs),
            "as": dict(Counter(each.reason or "accepted" for each in decided)),
            "tried": len(accepted),
            "trial of the accepted": trial(accepted),
        }


def told(trial: Any) -> dict[str, Any]:
    """A trial, as it is kept."""
    values: dict[str, Any] = trial.model_dump(mode="json")
    return {**values, "in words": trial.in_words}


SECTIONS = """
task:
  name: sections
  about: Says which section of a note a talk of a doctor with a patient belongs to.
  input: A talk.
  output: The name of the section in brackets.
data:
  - {{path: train.jsonl, name: notes}}
  - {{path: test.jsonl, name: test, role: test}}
rules: {{personal: report, near_duplicates: report}}
metrics: [{{name: label, options: {{pattern: '^\\[(.+?)\\]'}}}}]
gates: [{{metric: label, kind: gain, at_least: 0.01, against: base}}]
split: {{review: 0.0, folds: 2, seed: 1}}
evaluate: {{max_new_tokens: 8, max_rows: 40}}
train: {{model: smollm2-135m, epochs: 3, rank: 8, fold_layers: 0.25, layers: 0.25, max_tokens: 160,
  rate: 1.0e-3, seed: 1}}
augment: {{take_up: always}}
"""
KINDS = ("upper_case", "typos")


def labelled(row: Example) -> dict[str, Any]:
    """A talk with its section as the answer."""
    turns = (
        Message(role="user", content=row.input),
        Message(role="assistant", content=f"[{row.kind}]"),
    )
    return chat_row(row.model_copy(update={"messages": turns, "kind": ""}))


def run_stress(folder: Path) -> dict[str, Any]:
    """Stress before and after an augmentation from its failures."""
    from tunewell.evaluate.stress import PERTURBATIONS, StressPlan, stress

    medical = notes()
    folder.mkdir(parents=True, exist_ok=True)
    common = {name for name, n in Counter(r.kind for r in medical.training).most_common(3)}
    for name, rows, most in (
        ("train", medical.training, 72),
        ("test", medical.evaluation, 40),
    ):
        fitting = [r for r in rows if r.kind in common and len(r.input.split()) < WORDS][:most]
        lines = [json.dumps(labelled(row)) + "\n" for row in fitting]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    (folder / "tunewell.yaml").write_text(SECTIONS.format(), encoding="utf-8")
    kinds = [kind for kind in KINDS if kind in PERTURBATIONS]
    plan = StressPlan(kinds=kinds, metric="label", max_rows=40)
    found: dict[str, Any] = {}
    with Project.open(folder) as project:
        stages = Stages(project, say=lambda text: print(text, flush=True))
        dataset = stages.curate()
        split = stages.split(dataset)
        before = stress(dataset, split, stages.train(dataset, split).model, project, plan=plan)
        found["before"] = endured(before)
        print(found, flush=True)
        cells = planned_cells(project, dataset, split, ["stress"], rows=40)
        found["cells"] = [cell.name for cell in cells]
        if cells:
            made = augment(dataset, split, project, wanted(project, cells, ()))
            found["funnel"] = [cell.model_dump(mode="json") for cell in made.cells]
            rows = project.store.examples(made.accepted)
            found["trial"] = told(added_rows(dataset, split, rows, project))
            after = stress(dataset, split, stages.train(dataset, split).model, project, plan=plan)
            found["after"] = endured(after)
    return found


def endured(result: Any) -> dict[str, Any]:
    """Failure rates by kind of stress."""
    return {
        kind.name: {
            "rows": kind.rows,
            "clean": str(kind.clean),
            "stressed": str(kind.stressed),
            "increase": str(kind.increase),
        }
        for kind in result.kinds
    }


EMBEDDED = """\
task: {name: legal, about: Says in plain words what a clause means., input: a clause, output: a
    sentence}
data: [{path: rows.jsonl}]
split: {folds: 2, test: 0.2, review: 0.1, seed: 1}
augment:
  tries: 2
  max_new_tokens: 160
  temperature: 0.7
  budget: {minutes: 9, rows: 12}
  cells: [{name: clauses, rows: 6, vary: [parties, terms]}]
train: {model: smollm2-135m}
"""


def run_embedded(folder: Path) -> dict[str, Any]:
    """The packaged model writes, behind ``tunewell model serve``."""
    folder.mkdir(parents=True, exist_ok=True)
    short = [row for row in legal().training if len(row.input.split()) < 60]
    lines = [json.dumps(chat_row(row)) + "\n" for row in short]
    (folder / "rows.jsonl").write_text("".join(lines), encoding="utf-8")
    (folder / "tunewell.yaml").write_text(EMBEDDED, encoding="utf-8")
    with serving(folder) as url, Project.open(folder) as project:
        stages = Stages(project, say=lambda text: print(text, flush=True))
        dataset = stages.curate()
        split = stages.split(dataset)
        spec = model_named(f"smollm2-135m@{url}").model_copy(update={"in_flight": 2})
        began = time.monotonic()
        made: Augmented = augment(
            dataset, split, project, wanted(project, project.spec.augment.cells, [spec])
        )
        decided = project.store.get_value(made.decided, list[Decided])
    return {
        "parents": len(short),
        "seconds": round(time.monotonic() - began),
        "funnel": [cell.model_dump(mode="json") for cell in made.cells],
        "cost": made.cost.model_dump(mode="json"),
        "candidates": [
            {
                "fate": each.fate,
                "reason": each.reason,
                "evidence": each.evidence[:160],
                "input": each.row.input[:300] if each.row else "",
                "target": each.row.target[:200] if each.row else "",
            }
            for each in decided
        ],
    }


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A project's model behind ``tunewell model serve``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tunewell", "model", "serve", "--port", str(port)]
    server = subprocess.Popen(command, cwd=folder)
    url = f"http://127.0.0.1:{port}/v1"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{url}/models", timeout=2).close()
                break
            except OSError:
                assert server.poll() is None, "the server has ended"
                time.sleep(0.5)
        yield url
    finally:
        server.terminate()
        server.wait()


RUNS = {
    "notes": run_notes,
    "legal": run_legal,
    "stress": run_stress,
    "embedded": run_embedded,
}


def main() -> None:
    """Run those that are named, and keep their results beside the others."""
    path = RESULTS / "augmentation-real-runs.json"
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
    kept.pop("machine", None)
    for name in sys.argv[1:] or RUNS:
        folder = Path(tempfile.gettempdir()) / "tunewell-real-runs" / name
        kept[name] = RUNS[name](folder)
        print(name, json.dumps(kept[name], indent=1), flush=True)
        keep("augmentation-real-runs", kept)


if __name__ == "__main__":
    main()
