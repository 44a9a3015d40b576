"""Planted faults of recordings: how many are found, how many others are; a thousand curated.

``python -m bench.speech.planted_faults faults NAME=FOLDER …``: each fault is planted in every fifth
recording of a folder with ``metadata.csv``, and `tunewell doctor` looks at all of them. The limits
were set with readings of LibriSpeech in view, that of a speaker's own speed also with the demo's
training voices; the voices of its test are new to all of them.
``python -m bench.speech.planted_faults thousand FOLDER`` makes a thousand recordings of a folder
by playing each at several speeds, and curates them.
"""

from __future__ import annotations

import csv
import io
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from bench.machine import RESULTS, keep
from tunewell.audio.clips import RATE, Clip, read_clip
from tunewell.audio.damage import at_speed, overdriven
from tunewell.curate import curate
from tunewell.curate.doctor import doctor
from tunewell.project import Project
from tunewell.stats import proportion
from tunewell.store import Store
from tunewell.task import parse_task

NAME = "speech-planted-faults"
EVERY = 5
SPEEDS = (0.8, 0.9, 1.0, 1.1, 1.25)
THOUSAND = 1000
Change = Callable[[Clip, np.random.Generator], Clip]


def _silent(clip: Clip, rng: np.random.Generator) -> Clip:
    noise = rng.normal(size=len(clip.samples)).astype(np.float32)
    return Clip(noise * 1e-4, clip.rate)


def _clipped(clip: Clip, rng: np.random.Generator) -> Clip:
    return overdriven(clip, 0.02)


def _made_at_8_khz(clip: Clip, rng: np.random.Generator) -> Clip:
    return clip.at(RATE // 2).at(RATE)


def _cut_off(clip: Clip, rng: np.random.Generator) -> Clip:
    return Clip(clip.samples[: len(clip.samples) * 3 // 10], clip.rate)


def _read_at_twice_its_rate(clip: Clip, rng: np.random.Generator) -> Clip:
    return Clip(clip.samples[::2], clip.rate)


FAULTS: dict[str, tuple[str, Change]] = {
    "silent": ("D08", _silent),
    "2 % clipped": ("D08", _clipped),
    "made at 8 kHz": ("D08", _made_at_8_khz),
    "cut off at 30 %": ("D08", _cut_off),
    "read at twice its rate": ("D08", _read_at_twice_its_rate),
}
COPY = "copied as MP3, quieter"


def rows_of(folder: Path) -> list[dict[str, str]]:
    """Rows in which somebody speaks."""
    with (folder / "metadata.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["transcription"]]


def write_rows(folder: Path, rows: Sequence[tuple[str, bytes, str, str]]) -> None:
    """Recordings and their list: name, file, words, speaker."""
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file_name", "transcription", "speaker"))
        for name, data, words, speaker in rows:
            (folder / name).write_bytes(data)
            writer.writerow((name, words, speaker))


def encoded(clip: Clip, form: str) -> bytes:
    """A recording as a file."""
    held = io.BytesIO()
    soundfile.write(held, clip.samples, clip.rate, format=form)
    return held.getvalue()


def looked_at(rows: Sequence[tuple[str, bytes, str, str]], code: str) -> set[int]:
    """Places of the rows that doctor names for a pitfall."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_rows(folder, rows)
        report = doctor(folder)
    found = [each for each in report.findings if each.code == code]
    # The header is line 1.
    return {int(row.rpartition(":")[2]) - 2 for each in found for row in each.rows}


def measured(folder: Path) -> dict[str, Any]:
    """Found and falsely found, by fault."""
    rng = np.random.default_rng(25)
    source = rows_of(folder)
    clips = [read_clip(folder / row["file_name"]).at(RATE) for row in source]
    own = [(row["transcription"], row["speaker"]) for row in source]

    def files(change: Change | None) -> list[tuple[str, bytes, str, str]]:
        rows = []
        for place, (clip, said) in enumerate(zip(clips, own, strict=True)):
            is_planted = change is not None and place % EVERY == 0
            changed = change(clip, rng) if change and is_planted else clip
            rows.append((f"{place}.flac", encoded(changed, "FLAC"), *said))
        return rows

    planted = set(range(0, len(clips), EVERY))
    result: dict[str, Any] = {"recordings": len(clips)}
    for name, (code, change) in FAULTS.items():
        result[name] = shares(looked_at(files(change), code), planted, len(clips))

    copies = files(None)
    for place in sorted(planted):
        quieter = Clip(clips[place].samples * 0.7, RATE)
        copies.append((f"copy-{place}.mp3", encoded(quieter, "MP3"), *own[place]))
    added = set(range(len(clips), len(copies)))
    result[COPY] = shares(looked_at(copies, "D04"), added, len(copies))
    return result


def shares(found: set[int], planted: set[int], rows: int) -> dict[str, str]:
    """Of the planted faults, and of the other rows."""
    return {
        "found": str(proportion(len(found & planted), len(planted))),
        "false": str(proportion(len(found - planted), rows - len(planted))),
    }


TASK = """
task: {name: many, about: Writes down., input: a recording, output: its words}
data: [{path: many}]
"""


def thousand(source: Path) -> dict[str, Any]:
    """Seconds to curate a thousand recordings."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "many").mkdir()
        rows = []
        for row in rows_of(source):
            clip = read_clip(source / row["file_name"]).at(RATE)
            for speed in SPEEDS:
                data = encoded(at_speed(clip, speed), "FLAC")
                rows.append((f"{len(rows)}.flac", data, row["transcription"], row["speaker"]))
        write_rows(root / "many", rows[:THOUSAND])
        file = parse_task(TASK, path=root / "tunewell.yaml", environment={})
        project = Project(file, Store(root))
        began, clock = time.process_time(), time.monotonic()
        dataset = curate(project)
        notes = [each.why for each in project.store.last_run("curate").findings]
        return {
            "recordings": len(rows[:THOUSAND]),
            "kept": dataset.rows,
            "wall_s": round(time.monotonic() - clock),
            "processor_s": round(time.process_time() - began),
            "voices": "not compared" if any("not compared" in n for n in notes) else "compared",
        }


def main() -> None:
    """Measure, print and add to the result."""
    path = RESULTS / f"{NAME}.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept.pop("machine", None)
    if sys.argv[1] == "thousand":
        kept["a thousand recordings"] = thousand(Path(sys.argv[2]))
    for given in sys.argv[2:] if sys.argv[1] == "faults" else ():
        name, _, folder = given.partition("=")
        kept[name] = measured(Path(folder))
    keep(NAME, kept)
    print(json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()
