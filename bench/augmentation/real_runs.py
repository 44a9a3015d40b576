"""Real augmentations of real data, judged and tried.

``notes``: the published back-translations of `mts_dialog` are judged as candidates; what is
accepted is tried against as many tokens of its parents. ``stress``: which section a talk belongs
to, before and after an augmentation by the kinds of stress under which the model fails.
``embedded``: the packaged model as the generator, behind an OpenAI-compatible server, on
`legal_summarization`::

    python -m bench.augmentation.real_runs notes stress embedded
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.augmentation.acceptance import Judged
from bench.augmentation.data import RealRows, back_translations, legal, notes
from bench.machine import RESULTS, keep
from tunewell.augment import Augmented, augment
from tunewell.augmented import model_named, planned_cells, wanted
from tunewell.project import Project
from tunewell.run import Stages
from tunewell.store import Store
from tunewell.store.chat_rows import chat_row
from tunewell.task import TaskFile, parse_task
from tunewell.testing.server import FakeServer
from tunewell.train.studies.added_rows import added_rows
from tunewell.types import Assignment, Dataset, Example, Message, Recipe, Split

RECIPE = Recipe(
    model="smollm2-135m", rank=8, epochs=1, fold_layers=0.25, layers=0.25, max_tokens=320, seed=1
)
PARENTS = 260
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
    short = [row for row in medical.training if len(row.input.split()) < 160][:PARENTS]
    known = {row.id for row in short}
    judged = Judged(medical, short)
    found: dict[str, Any] = {}
    for language in ("FR", "ES"):
        pairs = [(p, c) for p, c in back_translations(language) if p.id in known]
        decided = judged.decide(pairs)
        accepted = [each.row for each in decided if each.row and each.fate == "accepted"]
        place = folder / language
        place.mkdir(parents=True)
        with Store(place) as store:
            dataset, split = dealt(store, short)
            project = Project(with_recipe(medical, RECIPE), store)
            trial = added_rows(dataset, split, accepted, project)
            everything = added_rows(dataset, split, [c for _, c in pairs], project)
        found[language] = {
            "asked": len(pairs),
            "as": dict(Counter(each.reason or "accepted" for each in decided)),
            "trial of the accepted": told(trial),
            "trial of all, unjudged": told(everything),
        }
        print(language, json.dumps(found[language]), flush=True)
    return found


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
evaluate: {{max_new_tokens: 12, max_rows: 80}}
train: {{model: smollm2-135m, epochs: 3, rank: 8, fold_layers: 0.25, layers: 0.5, max_tokens: 260,
  rate: 1.0e-3, seed: 1}}
augment: {{take_up: always}}
"""
KINDS = ("upper_case", "typos", "recogniser", "no_punctuation")


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
    folder.mkdir(parents=True)
    common = {name for name, n in Counter(r.kind for r in medical.training).items() if n >= 40}
    for name, rows, most in (
        ("train", medical.training, 420),
        ("test", medical.evaluation, 160),
    ):
        fitting = [r for r in rows if r.kind in common and len(r.input.split()) < 130][:most]
        lines = [json.dumps(labelled(row)) + "\n" for row in fitting]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    (folder / "tunewell.yaml").write_text(SECTIONS.format(), encoding="utf-8")
    kinds = [kind for kind in KINDS if kind in PERTURBATIONS]
    plan = StressPlan(kinds=kinds, metric="label", max_rows=80)
    found: dict[str, Any] = {}
    with Project.open(folder) as project:
        stages = Stages(project, say=lambda text: print(text, flush=True))
        dataset = stages.curate()
        split = stages.split(dataset)
        before = stress(dataset, split, stages.train(dataset, split).model, project, plan=plan)
        found["before"] = endured(before)
        print(found, flush=True)
        cells = planned_cells(project, dataset, split, ["stress"], rows=120)
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


def run_embedded(folder: Path) -> dict[str, Any]:
    """The packaged model writes, behind a server."""
    from tunewell.model.local import LocalModel

    rows = legal()
    short = [row for row in rows.training if len(row.input.split()) < 60]
    text = """
    task: {name: legal, about: Says in plain words what a clause means., input: a clause,
      output: a sentence}
    data: [{path: rows.jsonl}]
    augment:
      tries: 2
      max_new_tokens: 200
      temperature: 0.7
      cells: [{name: clauses, rows: 8, vary: [parties, terms]}]
    """
    folder.mkdir(parents=True)
    with serving(LocalModel("smollm2-135m")) as url, Store(folder) as store:
        dataset, split = dealt(store, short)
        apart = [Assignment(id=row.id, family=row.id, part="test") for row in rows.evaluation[:80]]
        every = [*short, *rows.evaluation[:80]]
        dataset = dataset.model_copy(update={"examples": store.put_examples(every)})
        split = split.model_copy(update={"assignments": (*split.assignments, *apart)})
        project = Project(parse_task(text, path=Path("tunewell.yaml"), environment={}), store)
        spec = model_named(f"smollm2-135m@{url}").model_copy(update={"in_flight": 2})
        began = time.monotonic()
        made: Augmented = augment(
            dataset, split, project, wanted(project, project.spec.augment.cells, [spec])
        )
        accepted = store.examples(made.accepted)
    return {
        "seconds": round(time.monotonic() - began),
        "funnel": [cell.model_dump(mode="json") for cell in made.cells],
        "cost": made.cost.model_dump(mode="json"),
        "some": [[row.input[:300], row.target[:200]] for row in accepted[:3]],
    }


@contextmanager
def serving(model: Any) -> Iterator[str]:
    """A model behind an OpenAI-compatible server on this machine."""
    import uvicorn

    config = uvicorn.Config(FakeServer(model).app(), port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.should_exit = True
        thread.join()


RUNS = {"notes": run_notes, "stress": run_stress, "embedded": run_embedded}


def main() -> None:
    """Run those that are named, and keep their results beside the others."""
    path = RESULTS / "augmentation-real-runs.json"
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
    kept.pop("machine", None)
    for name in sys.argv[1:] or RUNS:
        with tempfile.TemporaryDirectory() as folder:
            kept[name] = RUNS[name](Path(folder) / name)
        print(name, json.dumps(kept[name], indent=1), flush=True)
        keep("augmentation-real-runs", kept)


if __name__ == "__main__":
    main()
