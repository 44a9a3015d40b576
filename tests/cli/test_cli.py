"""The command line: one envelope, exit codes, no traceback."""

import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from tunewell.cli.common import SCHEMA
from tunewell.cli.completion import TABLE, offers
from tunewell.cli.init_yaml import Answers, GateAnswer, write_yaml
from tunewell.cli.main import main
from tunewell.cli.verb_group import first_line
from tunewell.cli.verbs import HEADINGS, VERBS, load_verb
from tunewell.errors import MissingExtraError
from tunewell.store import Store
from tunewell.task import load_task, parse_task

TASK = """\
task: {name: desk, about: Answers customers of a supplier., input: a question, output: an answer}
data: [{path: "raw/*.jsonl"}]
metrics: [{name: key_points}]
gates: [{metric: key_points, kind: level, at_least: 0.5}]
people: {approve: [owner, expert]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tunewell.yaml").write_text(TASK, encoding="utf-8")
    return tmp_path


def envelope(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    value = json.loads(capsys.readouterr().out)
    assert value["schema"] == SCHEMA
    assert set(value) <= {"schema", "command", "verdict", "result", "error"}
    return dict(value)


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--version", "-V"):
        assert main([option]) == 0
        assert capsys.readouterr().out.startswith("tunewell 0.")
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    listed = [line.split(maxsplit=1) for line in shown.splitlines() if line.startswith("  ")]
    lines = {words[0]: words[1] for words in listed if words[0] in VERBS}
    assert lines == VERBS, "whole first lines, none cut off"
    assert all(f"\n{heading}:\n" in shown for heading in HEADINGS)


def test_the_list_of_verbs_says_what_each_says_of_itself() -> None:
    for name, about in VERBS.items():
        verb = load_verb(name)
        text = verb.info.help if isinstance(verb, typer.Typer) else inspect.getdoc(verb)
        assert first_line(text) == about, name


@pytest.mark.parametrize(
    "verb", ["status", "config", "why r1", "annotate results", "diff", "model"]
)
def test_the_project_is_an_argument_and_an_option_of_every_verb(
    verb: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = []
    for place in ([str(folder)], ["-p", str(folder)], ["--project", str(folder), str(folder)]):
        code = main([*verb.split(), *place])
        said.append((code, capsys.readouterr().err))
    assert said[0] == said[1] == said[2]
    assert "tunewell.yaml" not in said[0][1]


def test_two_projects_on_one_line_are_a_misuse(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", str(folder), "-p", str(tmp_path / "other")]) == 2
    assert "the project is named twice" in capsys.readouterr().err


WITHOUT_PROJECT = {
    "demo",
    "doctor",
    "import",
    "restore",
    "self-check",
    "autopsy",
    "select",
    "compare plan",
}
"""Verbs that need none."""


def ends(name: str, words: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every verb without verbs below it, with its options."""
    below = words.get("verbs")
    if not below:
        yield name, words["options"]
        return
    for inner, more in below.items():
        yield from ends(f"{name} {inner}".strip(), more)


def test_every_verb_takes_json_and_the_project() -> None:
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    for name, options in ends("", table):
        assert "--json" in options, name
        assert ("--project" in options) != (name in WITHOUT_PROJECT), name


def test_version_and_completion_import_no_verb() -> None:
    line = "tunewell run --"
    asked = {"_TUNEWELL_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": "2"}
    for arguments, more in ((["--version"], {}), ([], asked)):
        command = [sys.executable, "-X", "importtime", "-m", "tunewell", *arguments]
        environment = {**os.environ, **more}
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
        assert done.returncode == 0, done.stderr
        for heavy in ("pydantic", "numpy", "sqlalchemy", "pyarrow", "tunewell.curate"):
            assert not re.search(rf"\| +{re.escape(heavy)}$", done.stderr, re.MULTILINE), heavy
    assert "--plan" in done.stdout.split()


def test_the_shell_is_offered_verbs_options_and_choices() -> None:
    table = json.loads(TABLE.read_text(encoding="utf-8"))

    def offered(given: str, incomplete: str) -> list[str]:
        return [offer.value for offer in offers(given.split(), incomplete, table)]

    assert offered("", "re") == ["report", "review", "restore"]
    assert offered("annotate export --format", "") == ["label-studio", "argilla", "csv"]
    assert offered("annotate export", "--format=c") == ["csv"]
    assert "--plan" not in offered("run --plan", "--p")
    assert "--set" in offered("run --set a=1", "--s")
    assert offered("audit", "") == ["verify", "head"]
    assert offered("doctor", "rows") == [], "file names are the shell's"


@pytest.mark.parametrize("verb", ["", *VERBS, "annotate open", "review plan"])
def test_h_shows_the_options_of_every_verb(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*verb.split(), "-h"]) == 0
    short = capsys.readouterr().out
    assert f"Usage: tunewell {verb}".rstrip() in short
    assert main([*verb.split(), "--help"]) == 0
    assert capsys.readouterr().out == short


@pytest.mark.parametrize(
    "arguments",
    [["fly"], ["why"], ["run", "--colour"], ["accept", "E06"], ["review"], ["annotate", "fly"]],
)
def test_misuse_exits_2_with_a_hint(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert "hint: tunewell" in capsys.readouterr().err


def test_user_errors_exit_1_without_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(tmp_path)]) == 1
    shown = capsys.readouterr().err
    assert "there is no tunewell.yaml" in shown
    assert "hint: tunewell init" in shown
    assert "Traceback" not in shown


def test_user_errors_in_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = ["-p", str(folder)]
    assert (
        main(["accept", "X99", "--reason", "we know it", "--until", "2999-01-01", "--json", *at])
        == 1
    )
    value = envelope(capsys)
    assert value["result"] is None
    assert "there is no pitfall 'X99'" in str(value["error"])


def test_an_internal_error_exits_70_and_leaves_a_report(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tunewell.cli import config

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("we did this")

    monkeypatch.setattr(config, "load_task", broken)
    monkeypatch.chdir(folder)
    (folder / ".tunewell").mkdir()
    assert main(["config"]) == 70
    shown = capsys.readouterr().err
    assert "an internal error in Tunewell: RuntimeError: we did this" in shown
    report = next((folder / ".tunewell").glob("tunewell-fault-*.txt"))
    assert "we did this" in report.read_text(encoding="utf-8")


def test_approve_asks_for_everybody_and_again_after_a_change(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["approve", str(folder), "--as", "stranger"]) == 1
    assert "not among those who have to approve: owner, expert" in capsys.readouterr().err
    assert main(["approve", str(folder), "--as", "owner", "--json"]) == 0
    assert envelope(capsys)["result"] == {
        "definition": load_task(folder).definition,
        "approved": ["owner"],
        "missing": ["expert"],
        "claimed": ["owner"],
    }
    (folder / "tunewell.yaml").write_text(TASK.replace("0.5", "0.6"), encoding="utf-8")
    assert main(["approve", str(folder), "--as", "expert", "--json"]) == 0
    assert envelope(capsys)["result"]["missing"] == ["owner"]  # type: ignore[index]


def test_accept_is_recorded(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "accept",
        "e06",
        "--reason",
        "few rows in the north",
        "--until",
        "2999-01-01",
        "-p",
        str(folder),
    ]
    assert main([*arguments, "--as", "owner"]) == 0
    assert "E06 (worse on a slice) accepted by owner" in capsys.readouterr().out
    with Store(folder) as store:
        assert store.said("acceptance")[0].record["until"] == "2999-01-01"
    assert main([*arguments[:5], "2001-01-01", "-p", str(folder)]) == 1
    assert (
        main(["accept", "E06", "--reason", "fine", "--until", "2999-01-01", "-p", str(folder)]) == 1
    )


def test_config_says_where_each_value_came_from(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEWELL__SPLIT__FOLDS", "3")
    assert main(["config", str(folder), "--set", "train.epochs=9", "--json"]) == 0
    rows = {r["name"]: r for r in envelope(capsys)["result"]}  # type: ignore[attr-defined]
    assert rows["train.epochs"] == {
        "name": "train.epochs",
        "value": 9,
        "from": "flag --set train.epochs",
    }
    assert rows["split.folds"]["from"] == "environment TUNEWELL__SPLIT__FOLDS"
    assert rows["task.name"]["from"] == "tunewell.yaml:1"
    assert rows["train.rank"]["from"] == "default"
    assert main(["config", str(folder)]) == 0
    assert "q_proj, k_proj" in capsys.readouterr().out


def test_status_of_a_new_project(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "no verdict yet" in shown
    assert f"next: tunewell approve {folder} --as owner" in shown


def test_why_before_curation(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "r1", "-p", str(folder)]) == 1
    assert "hint: tunewell curate" in capsys.readouterr().err


def test_answers_with_hostile_text_stay_text() -> None:
    nasty = 'a "quoted": {thing} # no comment\n- x: !!python/object:os.system'
    answers = Answers(
        name="a",
        about=nasty + " long",
        input=nasty,
        output=nasty,
        must=(nasty,),
        slices=("re'gion",),
        gates=(GateAnswer(metric="label", kind="no_worse", value=-0.02),),
    )
    spec = parse_task(write_yaml(answers), path=Path("tunewell.yaml"), environment={}).spec
    assert spec.task.must == (nasty,)
    assert spec.gates[0].margin == 0.02


def test_missing_extra_says_what_to_install() -> None:
    assert "pip install 'tunewell[web]'" in str(
        MissingExtraError("web", needed_for="tunewell serve")
    )


def test_as_a_process_data_on_stdout_and_the_rest_on_stderr(folder: Path) -> None:
    command = [sys.executable, "-m", "tunewell", "status", str(folder), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert json.loads(done.stdout)["command"] == "status"
    assert done.stderr == ""
    misused = [sys.executable, "-m", "tunewell", "fly"]
    assert subprocess.run(misused, capture_output=True, timeout=60).returncode == 2
