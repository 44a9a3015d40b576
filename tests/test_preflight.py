"""What is missing is said before a run begins."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path

import pytest

from tunewell.cli.main import main
from tunewell.preflight import find_shortages
from tunewell.store import Store
from tunewell.task import TaskFile, parse_task
from tunewell.testing.tiny import tiny_model_folder

TASK = """\
task: {name: desk, about: Answers customers of a supplier., input: a question, output: an answer}
data: [{path: rows.jsonl}]
"""


def definition(more: str, folder: Path) -> TaskFile:
    return parse_task(TASK + more, path=folder / "tunewell.yaml", environment={})


def without(names: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "tunewell.preflight.importlib.util.find_spec",
        lambda name: None if name in names else found(name),
    )


def test_nothing_is_missing_where_all_is_there(tmp_path: Path) -> None:
    assert find_shortages(definition("", tmp_path), 1, tmp_path) == ()


@pytest.mark.parametrize(
    ("more", "absent", "hint"),
    [
        ("", "torch", "pip install 'tunewell[train]'"),
        ("train: {backend: trl}\n", "trl", "pip install 'tunewell[trl]'"),
        ("rules: {recogniser: rampart}\n", "onnxruntime", "pip install 'tunewell[names]'"),
        (
            'evaluate: {arms: [{name: big, model: m, url: "http://127.0.0.1:1/v1"}]}\n',
            "openai",
            "pip install 'tunewell[endpoint]'",
        ),
    ],
)
def test_a_missing_part_of_the_installation(
    more: str, absent: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without({absent}, monkeypatch)
    (found,) = find_shortages(definition(more, tmp_path), 1, tmp_path)
    assert absent in found.what
    assert found.hint == hint


def test_a_missing_key_and_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    more = 'evaluate: {arms: [{name: big, model: m, url: "https://api.openai.com/v1"}]}\n'
    key, disk = find_shortages(definition(more, tmp_path), 1 << 60, tmp_path / "new")
    assert key.hint == "export OPENAI_API_KEY=…"
    assert "MiB free" in disk.what
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert find_shortages(definition(more, tmp_path), 1, tmp_path) == ()


def test_a_plan_says_what_is_missing_and_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUNEWELL_CACHE", str(tmp_path / "cache"))
    model = tiny_model_folder(tmp_path / "model")
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "tunewell.yaml").write_text(f"{TASK}train: {{model: '{model}'}}\n", encoding="utf-8")
    (folder / "rows.jsonl").write_text('{"prompt": "a", "completion": "b"}\n' * 40, "utf-8")
    with Store(folder) as store, store.lock("tunewell run"):
        assert main(["run", str(folder), "--plan"]) == 0, "another process is not in the way"
        assert not store.said("begun")
    shown = capsys.readouterr().err
    assert "40 rows" in shown
    assert "total" in shown
    assert not (tmp_path / "cache" / "speeds").exists()
    without({"peft"}, monkeypatch)
    assert main(["run", str(folder), "--plan"]) == 1
    assert "hint: pip install 'tunewell[train]'" in capsys.readouterr().err


def test_a_port_in_use_is_said_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tunewell.yaml").write_text(TASK, encoding="utf-8")
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert main(["serve", str(tmp_path), "--port", str(port)]) == 1
    shown = capsys.readouterr().err
    assert f"port {port} of 127.0.0.1 is already in use" in shown
    assert "/join/" not in shown
    assert not (tmp_path / ".tunewell").exists()
