"""``tunewell ask`` where the model hears."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.audio.sounds import murmur, write
from tunewell.cli.main import main
from tunewell.testing.tiny import tiny_whisper_folder

TASK = """
task: {name: desk, about: Writes dictations down., input: a recording, output: its words}
data: [{path: rows.jsonl}]
metrics: [{name: word_errors}]
gates: [{metric: word_errors, kind: level, at_most: 0.2}]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    pytest.importorskip("torch")
    tiny_whisper_folder(tmp_path / "whisper")
    train = f"train: {{model: {tmp_path / 'whisper'}}}\nevaluate: {{max_new_tokens: 4}}\n"
    (tmp_path / "tunewell.yaml").write_text(TASK + train, encoding="utf-8")
    return tmp_path


def asked(project: Path, question: str, *more: str) -> int:
    return main(["ask", question, "--project", str(project), *more])


def test_a_recording_is_written_down(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = write(project / "said.wav", murmur(1, seconds=0.6))
    assert asked(project, str(recording), "--json") == 0
    [answer] = json.loads(capsys.readouterr().out)["result"]["answers"]
    assert answer["arm"] == "base"
    assert answer["tokens"] <= 4


def test_words_and_broken_recordings_are_refused_by_name(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(project, "What is a train?") == 1
    assert "hears, and there is no recording 'What is a train?'" in capsys.readouterr().err
    broken = project / "broken.wav"
    broken.write_bytes(b"RIFF and nothing else")
    assert asked(project, str(broken)) == 1
    assert "base: " in capsys.readouterr().err


def test_a_model_that_reads_takes_no_recording(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = write(project / "said.wav", murmur(1, seconds=0.6))
    path = project / "tunewell.yaml"
    lines = path.read_text(encoding="utf-8").replace(str(project / "whisper"), "smollm2-135m")
    path.write_text(lines, encoding="utf-8")
    capsys.readouterr()
    assert asked(project, str(recording)) == 1
    assert "smollm2-135m reads text" in capsys.readouterr().err
