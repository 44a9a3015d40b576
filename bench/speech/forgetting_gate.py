"""Whether the gate stops a model that forgot, and lets one pass that was repaired.

``python -m bench.speech.forgetting_gate FOLDER`` runs the project of the speech demo with the real
base three times, each through curation, folds, evaluation and gates as `tunewell run` does it:

* over-trained: the recordings of two voices, many epochs at a high rate, no replay;
* repaired: the same, with replay of general speech and of recordings without speech;
* all voices: the recordings of twelve voices, few epochs, with replay.

The gates are those of the demo, the same for all.
"""

from __future__ import annotations

import csv
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.machine import keep
from tunewell.demo.speech_demo import SpeechDemo
from tunewell.demo.speech_figures import shown_figure
from tunewell.types import Criterion, Prediction

NAME = "speech-forgetting-gate"
TWO_VOICES = "two-voices"


@dataclass(frozen=True)
class Arm:
    """One way of training.

    Attributes:
        overrides: Of tunewell.yaml.
        is_small: Whether two voices alone are learned.
    """

    overrides: tuple[str, ...]
    is_small: bool = False


MUCH = ("train.epochs=20", "train.patience=20", "train.rate=0.002")
ARMS = {
    "over-trained": Arm((*MUCH, "train.replay=0"), is_small=True),
    "repaired": Arm((*MUCH, "train.replay=0.5"), is_small=True),
    "all voices": Arm(("train.epochs=4", "train.replay=0.3")),
}


def write_two_voices(recordings: Path) -> None:
    """A folder with what the first two voices of the training set say."""
    source, target = recordings / "train", recordings / TWO_VOICES
    target.mkdir(exist_ok=True)
    with (source / "metadata.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    voices = list(dict.fromkeys(row["speaker"] for row in rows))[:2]
    own = [row for row in rows if row["speaker"] in voices]
    for row in own:
        shutil.copyfile(source / row["file_name"], target / row["file_name"])
    with (target / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, own[0])
        writer.writeheader()
        writer.writerows(own)


def said(criterion: Criterion) -> dict[str, str]:
    """A gate and what it decided."""
    return {
        "gate": " ".join(filter(None, (criterion.name, criterion.slice))),
        "outcome": criterion.outcome,
        "measured": str(criterion.estimate),
    }


def measured(demo: SpeechDemo, arm: Arm) -> dict[str, Any]:
    """One arm: what was measured and what the gates say."""
    began, clock = time.process_time(), time.monotonic()
    path = demo.folder / "tunewell.yaml"
    text = path.read_text(encoding="utf-8")
    if arm.is_small:
        path.write_text(text.replace("recordings/train,", f"recordings/{TWO_VOICES},"), "utf-8")
    try:
        result, project = demo.trained(arm.overrides)
    finally:
        path.write_text(text, encoding="utf-8")
    test = demo.test_of(result, project)
    predictions = project.store.get_value(result.evaluation.predictions, list[Prediction])
    shown = {}
    for name in ("base", "tuned"):
        found = test.arm(name, "", [each for each in predictions if each.arm == name])
        shown[name] = {title: shown_figure(each) for title, each in found.figures.items()}
    findings = {each.code: each for each in result.verdict.findings}
    forgetting = findings.get("T04")
    return {
        "overrides": list(arm.overrides),
        "voices": "two" if arm.is_small else "all",
        "verdict": result.verdict.outcome,
        "why": result.verdict.why,
        "gates": [said(each) for each in result.verdict.criteria],
        "T04": forgetting and {"status": forgetting.status, "why": forgetting.why},
        **shown,
        "processor_s": round(time.process_time() - began),
        "wall_s": round(time.monotonic() - clock),
    }


def main() -> None:
    """Measure all arms, or those that are named, and keep the result."""
    demo = SpeechDemo(Path(sys.argv[1]), lambda text: print(text, flush=True))
    demo.prepare()
    write_two_voices(demo.folder / "recordings")
    found: dict[str, Any] = {}
    for name in sys.argv[2:] or ARMS:
        print(f"\n{name}", flush=True)
        found[name] = measured(demo, ARMS[name])
        print(found[name], flush=True)
        keep(NAME, found)


if __name__ == "__main__":
    main()
