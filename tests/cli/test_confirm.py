"""A rule that would take a fifth of a file: unattended it reports, at a terminal it asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.terminals import read_rest
from tunewell.cli.confirm import with_confirmed
from tunewell.cli.main import main
from tunewell.curate.pipeline import apply_rules, read
from tunewell.store import Store
from tunewell.task import load_task

TASK = """\
task: {name: desk, about: Answers customers of a city., input: a question, output: an answer}
data: [{path: rows.jsonl}]
rules: {near_duplicates: report}
"""
TOWNS = ("Mill", "Oak", "Ash", "Elm", "Hill", "Lake", "Bridge", "Church", "Market", "Station")


def rows(broken: int) -> list[dict[str, str]]:
    found = []
    for i in range(40):
        thing = ("lamp", "bin", "bench", "meter")[i // 10]
        answer = f"The {thing} of {TOWNS[i % 10]} Lane is looked at on day {i * 7} by team {i * 3}."
        if i < broken:
            answer = "N/A"
        found.append({"prompt": f"Who sees to the {thing} in {TOWNS[i % 10]} Lane {i}?"})
        found[-1]["completion"] = answer
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tunewell.yaml").write_text(TASK, encoding="utf-8")
    lines = "".join(json.dumps(row) + "\n" for row in rows(14))
    (tmp_path / "rows.jsonl").write_text(lines, encoding="utf-8")
    return tmp_path


def test_unattended_the_rows_stay_until_the_definition_names_the_rule(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["curate", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "rules.confirmed" in shown
    assert "broken would drop 14 of 40 rows" in shown
    assert "confirmed" not in (folder / "tunewell.yaml").read_text(encoding="utf-8")

    assert main(["curate", str(folder), "--set", "rules.confirmed=[broken]"]) == 0
    assert "would drop" not in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("answer", "kept"), [("y", 26), ("n", 40)])
def test_at_a_terminal_five_rows_are_shown_and_the_answer_is_written_down(
    folder: Path, answer: str, kept: int
) -> None:
    shown = at_a_terminal(["curate", str(folder)], answer)
    assert shown.count("(empty target") == 5
    assert "Who sees to the lamp in Mill Lane 0?" in shown
    assert "Drop these rows (broken)?" in shown

    written = (folder / "tunewell.yaml").read_text(encoding="utf-8")
    assert ("confirmed: [broken]" in written) == (answer == "y")
    with Store(folder) as store:
        last = store.last_run("curate")
        assert last is not None
        assert last.counts["kept"] == kept


def at_a_terminal(arguments: list[str], answer: str) -> str:
    """What a command shows at a terminal at which somebody types an answer and a line's end."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "tunewell", *arguments]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        shown = read_rest(ours)
        running.wait(60)
    os.close(ours)
    return " ".join(shown.split())


def test_the_answer_is_written_in_any_form_of_the_rules() -> None:
    flow = with_confirmed("rules: {broken: drop}\n", ["leaks"])
    assert flow == "rules: {confirmed: [leaks], broken: drop}\n"
    assert with_confirmed("rules: {}\n", ["leaks"]) == "rules: {confirmed: [leaks]}\n"
    twice = with_confirmed("rules:\n  confirmed: [leaks]\n", ["leaks", "broken"])
    assert twice == "rules:\n  confirmed: [leaks, broken]\n"
    remark = "# confirmed: [x]\nrules:\n  broken: drop\n"
    assert "confirmed: [leaks]\n  broken" in with_confirmed(remark, ["leaks"])
    assert with_confirmed("rules: *shared\n", ["leaks"]) == ""
    assert with_confirmed("task: {}\n", ["leaks"]) == "task: {}\nrules:\n  confirmed: [leaks]\n"


BIKES = ("city bike", "cargo bike", "folding bike", "racing bike", "tandem", "mountain bike")
FAULTS = (
    ("brakes squeal", "BRK-2", "true the discs", 2),
    ("chain slips", "CHN-4", "fit a new cassette", 3),
    ("wheel wobbles", "WHL-1", "true the rim", 1),
    ("gears do not shift", "GRS-7", "set the derailleur", 1),
    ("battery does not charge", "BAT-9", "send in the pack", 14),
)
FORMS = ("Good morning, the {} of our {}, can you help?", "My {1}: the {0}.", "Hello, {1}, {0}!")


def test_a_trade_whose_rows_are_made_from_a_template_keeps_them_from_init_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["question,reply,code"]
    for fault, code, work, days in FAULTS:
        for bike in BIKES:
            for form in FORMS:
                asked = form.format(fault, bike)
                reply = f"[{code}] We will {work} of your {bike}; bring it in, it takes {days} days"
                lines.append(f'"{asked}","{reply}.",{code}')
    (tmp_path / "bikes.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    answers = {
        "name": "bikes",
        "about": "Replies of a bicycle workshop.",
        "input": "a customer's question",
        "output": "a reply with its repair code",
        "slices": ["code"],
        "data": ["bikes.csv"],
    }
    (tmp_path / "answers.json").write_text(json.dumps(answers), encoding="utf-8")
    assert main(["init", str(tmp_path), "--answers", str(tmp_path / "answers.json")]) == 0
    capsys.readouterr()

    file = load_task(tmp_path, environment={})
    done = apply_rules(file, read(file))
    assert len(done.training) == len(lines) - 1
    assert not done.related.families["D09"]
    assert {row.tags["code"] for row in done.training} == {code for _, code, _, _ in FAULTS}


def test_a_later_stage_that_lacks_rows_names_the_rule_that_took_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = json.dumps({"prompt": "Who sees to the lamp?", "completion": "Team 3 does, on Monday."})
    (folder / "rows.jsonl").write_text(f"{same}\n" * 40, encoding="utf-8")
    assert main(["split", str(folder)]) == 1
    assert "of 40 rows, exact duplicates took 39" in capsys.readouterr().err
