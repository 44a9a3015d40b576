"""How long a full evaluation takes on the embedded model.

Run: python -m bench.evaluation.full [ROWS] [STRESSED]

500 short rows (questions of banking77, CC BY 4.0, with their intents), three arms (base; the base
with an instruction and solved examples; the base with a LoRA adapter), generated answers and the
loss of the gold ones, metrics, figures by
class, calibration, findings and gates: what `tunewell evaluate` does. The adapter is untrained: it
costs what a trained one costs. Then the stress test of the base on a few rows, as `tunewell stress`
runs it.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.machine import keep
from tunewell.evaluate import decide, evaluate
from tunewell.evaluate.arms import local_models
from tunewell.evaluate.stress import StressPlan, stress
from tunewell.model.base import Model
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import parse_task
from tunewell.types import (
    Assignment,
    Dataset,
    Example,
    Message,
    ModelVersion,
    Prediction,
    Recipe,
    Split,
)

FOLDER = Path(os.environ.get("TUNEWELL_DATA", "../shared/data")) / "banking77"
TASK = """
task:
  name: banking
  about: Names the intent of a bank customer's question.
  input: a customer's question
  output: the intent, in small letters with underscores
data: [{path: x}]
slices: [{field: kind}]
metrics: [{name: label}, {name: brier}, {name: token_f1}, {name: chrf}, {name: conciseness}]
gates:
  - {metric: label, kind: gain, at_least: 0.05, against: prompted}
  - {metric: nats, kind: no_worse, margin: 0.1, against: base}
people: {approve: []}
evaluate: {shots: 3, max_new_tokens: 12}
"""


def examples(count: int) -> list[Example]:
    """Rows of the test file, then as many of the training file for shots."""
    out = []
    for name, share in (("test.csv", count), ("train.csv", 200)):
        with (FOLDER / name).open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for i, r in enumerate(rows[:: max(1, len(rows) // share)][:share]):
            turns = (
                Message(role="user", content=r["text"]),
                Message(role="assistant", content=r["category"]),
            )
            out.append(Example(id=f"{name}:{i}", messages=turns, kind=r["category"].split("_")[0]))
    return out


def adapted(store: Store) -> ModelVersion:
    """An untrained adapter of rank 16 on all layers, made with peft."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from tunewell.model.weights import resolve

    base = AutoModelForCausalLM.from_pretrained(resolve("smollm2-135m").folder)
    recipe = Recipe()
    made = get_peft_model(
        base, LoraConfig(r=recipe.rank, target_modules=list(recipe.targets), task_type="CAUSAL_LM")
    )
    with tempfile.TemporaryDirectory() as folder:
        made.save_pretrained(folder)
        digest = store.files.put_folder(
            {p.name: p.read_bytes() for p in Path(folder).iterdir() if p.is_file()}
        )
    return ModelVersion(
        id=digest[:12],
        base="smollm2-135m",
        adapter=digest,
        recipe=recipe,
        dataset="d",
        split="s",
        trained_on=0,
    )


def main(count: int = 500, stressed: int = 40) -> None:
    """Measure and keep."""
    if not FOLDER.is_dir():
        sys.exit(f"no data in {FOLDER}: set TUNEWELL_DATA")
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
        file = parse_task(TASK, path=Path(folder) / "tunewell.yaml", environment={})
        rows = examples(count)
        dataset = Dataset(
            id="d" * 64, rows=len(rows), examples=store.put_examples(rows), receipts=""
        )
        parts = ["test" if e.id.startswith("test") else f"fold-{i % 2}" for i, e in enumerate(rows)]
        assigned = tuple(
            Assignment(id=e.id, family=e.id, part=p) for e, p in zip(rows, parts, strict=True)
        )
        split = Split(dataset="d" * 64, folds=2, seed=0, assignments=assigned)
        version = adapted(store)
        opened = local_models("smollm2-135m", store)
        started = time.perf_counter()
        made = evaluate(dataset, split, version, Project(file, store), models=opened)
        verdict = decide(made, Project(file, store), [])
        seconds = time.perf_counter() - started
        predictions = store.get_value(made.predictions, list[Prediction])
        result: dict[str, Any] = {
            "rows": len(made.rows),
            "arms": list(made.arms),
            "cores_used": len(os.sched_getaffinity(0)),
            "threads": os.environ.get("OMP_NUM_THREADS", "all"),
            "load_before": round(os.getloadavg()[2], 1),
            "wall_s": round(seconds, 1),
            "cpu_s": round(time.process_time(), 1),
            "target_s": 900,
            "tokens_generated": sum(p.tokens for p in predictions),
            "prompt_tokens": sum(p.prompt_tokens for p in predictions),
            "verdict": verdict.outcome,
            "levels": {
                f"{x.arm} {x.metric}": [
                    round(v, 4) for v in (x.estimate.value, x.estimate.low, x.estimate.high)
                ]
                for x in made.levels
                if not x.slice
            },
        }
        path = keep("evaluation-full", result)
        print(json.dumps(result, indent=1), flush=True)
        if stressed:
            result["stress"] = endured(dataset, split, file, store, opened, stressed)
            path = keep("evaluation-full", result)
        print(path.name)


def endured(
    dataset: Dataset, split: Split, file: Any, store: Store, opened: Any, count: int
) -> dict[str, Any]:
    """Failure rates of the base model under every kind of stress."""

    def models(version: ModelVersion | None) -> Model:
        found: Model = opened(version)
        return found

    started = time.perf_counter()
    plan = StressPlan(metric="chrf", max_rows=count)
    found = stress(dataset, split, None, Project(file, store), plan=plan, models=models)
    return {
        "rows": len(found.rows),
        "metric": found.metric,
        "wall_s": round(time.perf_counter() - started, 1),
        "kinds": {
            k.name: {
                "rows": k.rows,
                "clean": round(k.clean.value, 3),
                "stressed": round(k.stressed.value, 3),
                "increase": [
                    round(v, 3) for v in (k.increase.value, k.increase.low, k.increase.high)
                ],
            }
            for k in found.kinds
        },
    }


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
