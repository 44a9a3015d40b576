"""Our logs in inspect_ai's own API, and lm-eval's own samples with us.

Run: python -m bench.evaluation.interchange PYTHON

PYTHON is an interpreter that has inspect_ai and, for the second part, lm-eval. inspect_ai reads a
log of ours, scores it anew with a scorer of its own and writes it; we read that. lm-eval runs a
task of its own format on its dummy model and logs samples; we judge them.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.machine import keep
from tunewell.evaluate import evaluate_outputs, inspect_log, read_predictions
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import parse_task
from tunewell.types import Evaluation, Prediction, Score

TASK = """
task: {name: desk, about: Names the topic of a question., input: a question, output: a topic}
data: [{path: x}]
metrics: [{name: exact}, {name: token_f1}]
"""
INSPECT = """
import importlib.metadata, json, sys
from inspect_ai import score
from inspect_ai.log import read_eval_log, write_eval_log
from inspect_ai.scorer import exact
log = read_eval_log(sys.argv[1])
read = {s.name: s.metrics["mean"].value for s in log.results.scores}
again = score(log, scorers=exact(), action="append", display="none")
write_eval_log(again, sys.argv[2])
new = {s.name: s.metrics["mean" if "mean" in s.metrics else "accuracy"].value
       for s in again.results.scores if s.name not in read or "accuracy" in s.metrics}
version = importlib.metadata.version("inspect_ai")
found = {"version": version, "samples": len(log.samples), "read": read, "scored_anew": new}
print(json.dumps(found))
"""
LM_EVAL = """
task: desk
dataset_path: json
dataset_kwargs: {data_files: {test: "ROWS"}}
test_split: test
output_type: generate_until
doc_to_text: "Question: {{question}}"
doc_to_target: "{{topic}}"
generation_kwargs: {until: ["\\n"]}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
"""


def rows(count: int = 20) -> list[dict[str, Any]]:
    """Outputs with their rows; every third is wrong."""
    topics = ("bill", "outage", "meter")
    return [
        {
            "id": f"r{i}",
            "input": f"Question {i}?",
            "target": topics[i % 3],
            "output": topics[i % 3] if i % 3 else "moon",
        }
        for i in range(count)
    ]


def values_of(made: Evaluation) -> dict[str, float]:
    """The mean of each metric for the outputs; what a constant answer gets stands beside them."""
    return {level.metric: level.estimate.value for level in made.levels if level.arm == "tuned"}


def inspect(python: str, folder: Path, store: Store) -> dict[str, Any]:
    """What inspect_ai makes of our log, and we of its."""
    file = parse_task(TASK, path=folder / "tunewell.yaml", environment={})
    outputs = folder / "outputs.jsonl"
    outputs.write_text("\n".join(map(json.dumps, rows())), encoding="utf-8")
    made = evaluate_outputs({"tuned": outputs}, Project(file, store))
    log = inspect_log(
        made,
        "tuned",
        examples=read_predictions(outputs).examples,
        predictions=store.get_value(made.predictions, list[Prediction]),
        scores=store.get_value(made.scores, list[Score]),
        task="desk",
        created=dt.datetime.now(dt.UTC),
    )
    ours, theirs = folder / "ours.json", folder / "theirs.json"
    ours.write_text(json.dumps(log, allow_nan=False), encoding="utf-8")
    done = subprocess.run(
        [python, "-c", INSPECT, str(ours), str(theirs)],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    back = read_predictions(theirs)
    found["read_back"] = {"source": back.source, "outputs": len(back.predictions)}
    found["ours"] = values_of(made)
    return found


def lm_eval(python: str, folder: Path, store: Store) -> dict[str, Any]:
    """What we make of lm-eval's samples."""
    data = folder / "rows.jsonl"
    lines = [{"question": r["input"], "topic": r["target"]} for r in rows()]
    data.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    (folder / "desk.yaml").write_text(LM_EVAL.replace("ROWS", str(data)), encoding="utf-8")
    out = folder / "lm"
    command = [
        "-m",
        "lm_eval",
        "--model",
        "dummy",
        "--tasks",
        "desk",
        "--include_path",
        str(folder),
        "--log_samples",
        "--output_path",
        str(out),
    ]
    subprocess.run([python, *command], capture_output=True, text=True, check=True, cwd=folder)
    version = subprocess.run(
        [python, "-c", "import importlib.metadata as m; print(m.version('lm_eval'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    samples = next(out.rglob("samples_*.jsonl"))
    read = read_predictions(samples, arm="tuned")
    file = parse_task(TASK, path=folder / "tunewell.yaml", environment={})
    made = evaluate_outputs({"tuned": samples}, Project(file, store))
    return {
        "version": version,
        "source": read.source,
        "outputs": len(read.predictions),
        "rejects": len(read.rejects),
        "rows_with_input_and_target": len(read.examples),
        "judged": values_of(made),
    }


def main(python: str) -> None:
    """Check both and keep what came of it."""
    result: dict[str, Any] = {}
    for name, part in (("inspect_ai", inspect), ("lm_eval", lm_eval)):
        with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
            try:
                result[name] = part(python, Path(folder), store)
            except subprocess.CalledProcessError as error:
                result[name] = {"failed": error.stderr.strip().splitlines()[-1:]}
        print(name, result[name], flush=True)
    print(keep("evaluation-interchange", result).name)


if __name__ == "__main__":
    main(sys.argv[1])
