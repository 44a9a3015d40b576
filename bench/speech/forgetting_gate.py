"""Whether the gate stops a model that forgot, and lets one pass that was repaired.

``python -m bench.speech.forgetting_gate FOLDER LIBRISPEECH [ARM …]``: the project of the speech
demo, with ten readings each of five people (LibriSpeech) as its general speech. Its own stopping
would not let a model be over-trained, so the adapters are trained here for a fixed number of
epochs, as a plain trainer does; the evaluation and the gates are those of `tunewell run`:

* over-trained: two voices, many epochs at a high rate, no replay;
* repaired: twelve voices, few epochs, with replay of general speech (of other speakers than those
  of the test) and of recordings in which nobody speaks;
* and the first with replay, and at a rate that breaks the model altogether.

What is measured is added to the result of earlier arms.
"""

from __future__ import annotations

import csv
import json
import shutil
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine import RESULTS, keep
from tunewell.curate import curate
from tunewell.demo.speech_demo import SOURCE
from tunewell.demo.speech_figures import HeardTest, shown_figure
from tunewell.demo.whole_demo import approve_all
from tunewell.evaluate import decide, evaluate
from tunewell.evaluate.arms import open_base
from tunewell.model.speech.whisper import SpeechModel
from tunewell.project import Project
from tunewell.split import split
from tunewell.store import Store
from tunewell.task import load_task
from tunewell.train.export.peft import peft_files
from tunewell.train.lora.adapted import Adapted
from tunewell.train.lora.job import Job
from tunewell.train.lora.run import Schedule, run_job
from tunewell.train.speech.decoder import WhisperDecoder
from tunewell.train.speech.heard_rows import HeardStates, encode_heard
from tunewell.types import Criterion, Dataset, Example, ModelVersion, Prediction, Recipe, Split

NAME = "speech-forgetting-gate"
REPLAYED = ("general", "no-speech")
READINGS = 10
"""Of each person."""

EVERY_ROW = "evaluate.max_rows=400"


@dataclass(frozen=True)
class Arm:
    """One way of training: how many voices, and what differs from the demo's recipe."""

    voices: int
    epochs: int
    rate: float
    replay: float


ARMS = {
    "over-trained": Arm(voices=2, epochs=60, rate=2.5e-3, replay=0.0),
    "repaired": Arm(voices=12, epochs=6, rate=5e-4, replay=0.3),
    "over-trained, with replay": Arm(voices=2, epochs=60, rate=2.5e-3, replay=0.5),
    "broken": Arm(voices=2, epochs=60, rate=5e-3, replay=0.0),
}


def lay_down(folder: Path, librispeech: Path) -> Project:
    """The demo's project, whose general speech are all readings."""
    if not (folder / "tunewell.yaml").exists():
        shutil.copytree(SOURCE, folder, dirs_exist_ok=True)
        general = folder / "recordings" / "general"
        shutil.rmtree(general)
        general.mkdir()
        with (librispeech / "metadata.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        count: Counter[str] = Counter()
        with (general / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("file_name", "transcription", "speaker", "kind"))
            for row in rows:
                count[row["speaker"]] += 1
                if count[row["speaker"]] > READINGS:
                    continue
                shutil.copyfile(librispeech / row["file_name"], general / row["file_name"])
                words = row["transcription"].capitalize()
                writer.writerow((row["file_name"], words, row["speaker"], "general"))
    file = load_task(folder, overrides=[EVERY_ROW])
    project = Project(file, Store(folder))
    approve_all(file, project.store)
    return project


def trained(arm: Arm, rows: list[Example], project: Project, speech: SpeechModel) -> ModelVersion:
    """An adapter that was trained so long, whatever held-out rows would say."""
    file, store = project.file, project.store
    own = [row for row in rows if row.kind not in REPLAYED]
    voices = list(dict.fromkeys(row.group for row in own))[: arm.voices]
    own = [row for row in own if row.group in voices]
    values = {"epochs": arm.epochs, "rate": arm.rate, "replay": arm.replay}
    recipe: Recipe = file.spec.train.model_copy(update=values)

    mine = encode_heard(own, speech).rows
    general = encode_heard([row for row in rows if row.kind in REPLAYED], speech).rows
    replay = general if arm.replay else ()
    network = WhisperDecoder(speech.network)
    job = Job(
        Adapted.begin(network, recipe, cut=0),
        mine,
        train=np.ones((1, len(mine)), np.bool_),
        states=HeardStates(network, [*mine, *replay], speech),
        replay=replay,
    )
    run_job(job, Schedule(arm.epochs, read_every=False))
    folder = store.files.put_folder(peft_files(job.adapted, base=recipe.model, card=""))
    return ModelVersion(
        id=folder[:12],
        base=recipe.model,
        adapter=folder,
        recipe=recipe,
        dataset="",
        split="",
        trained_on=len(mine),
    )


def said(criterion: Criterion) -> dict[str, str]:
    """A gate and what it decided."""
    return {
        "gate": f"{criterion.name} {criterion.slice}".strip(),
        "outcome": criterion.outcome,
        "measured": str(criterion.estimate),
    }


def measured(arm: Arm, dataset: Dataset, division: Split, project: Project) -> dict[str, Any]:
    """One arm: what was measured and what the gates say."""
    began, clock = time.process_time(), time.monotonic()
    store = project.store
    speech = open_base(project.spec.train.model, store)
    assert isinstance(speech, SpeechModel)
    rows = list(store.examples(dataset))
    training = [row for row in rows if row.id not in set(dataset.held_out)]
    version = trained(arm, training, project, speech)
    training_s = time.process_time() - began
    found = evaluate(dataset, division, version, project)
    run = store.last_run("evaluate")
    findings = run.findings if run else ()
    verdict = decide(found, project, findings)

    predictions = store.get_value(found.predictions, list[Prediction])
    held_out = set(found.rows)
    [terms] = [each.options["terms"] for each in project.spec.metrics if each.name == "terms"]
    test = HeardTest(
        [row for row in rows if row.id in held_out],
        [row.target for row in training],
        list(terms),
    )
    shown = {}
    for name in ("base", "tuned"):
        scored = test.arm(name, "", [each for each in predictions if each.arm == name])
        shown[name] = {title: shown_figure(each) for title, each in scored.figures.items()}
    return {
        "voices": arm.voices,
        "epochs": arm.epochs,
        "rate": arm.rate,
        "replay": arm.replay,
        "rows": version.trained_on,
        "verdict": verdict.outcome,
        "gates": [said(each) for each in verdict.criteria],
        "E06": [each.why for each in findings if each.code == "E06"],
        **shown,
        "training_processor_s": round(training_s),
        "processor_s": round(time.process_time() - began),
        "wall_s": round(time.monotonic() - clock),
    }


def main() -> None:
    """Measure all arms, or those that are named, and keep the result."""
    project = lay_down(Path(sys.argv[1]), Path(sys.argv[2]).resolve())
    dataset = curate(project)
    division = split(dataset, project)
    path = RESULTS / f"{NAME}.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    found.pop("machine", None)
    for name in sys.argv[3:] or ARMS:
        found[name] = measured(ARMS[name], dataset, division, project)
        print(name, found[name], flush=True)
        keep(NAME, found)


if __name__ == "__main__":
    main()
