"""``tunewell compare``: from the plan to the verdict at the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.web.world import make_project
from tunewell.cli.main import main
from tunewell.errors import EXIT_MISUSE, EXIT_NO_GO, EXIT_OK, EXIT_USER
from tunewell.people import Accounts
from tunewell.people.compared import compared
from tunewell.store import Store

RATERS = ("ann", "bob", "eve", "joe", "kim", "lee")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    file, store = make_project(tmp_path / "desk")
    accounts = Accounts(store)
    for name in RATERS:
        accounts.create(name, role="expert")
    accounts.create("gus", role="agent")
    store.close()
    for arm in ("new", "old"):
        lines = [
            json.dumps({"id": f"r{n:04}", "answer": f"{arm} answer to row {n}"}) for n in range(200)
        ]
        (file.root / f"{arm}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return file.root


def run(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = EXIT_OK) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["compare", *arguments, "--json"]) == code, capsys.readouterr().err
    found = json.loads(capsys.readouterr().out)
    return dict(found["result"] or {"error": found.get("error")})


def open_it(project: Path, *more: str, name: str = "spring") -> list[str]:
    people = [word for rater in RATERS for word in ("--to", rater)]
    return [
        "open",
        name,
        "-p",
        str(project),
        *people,
        "--each",
        "4",
        "--win-rate",
        "0.95",
        "--icc",
        "0",
        "--ties",
        "0",
        "--as",
        "olga",
        *more,
    ]


def test_the_plan_refuses_six_raters_whose_verdicts_are_alike(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = run(capsys, "plan", "--icc", "0.2", "--ties", "0", code=EXIT_NO_GO)
    assert plan["enough"] is False
    assert plan["plan"]["needed"] == 25
    assert run(capsys, "plan", "--icc", "0", "--ties", "0")["enough"] is True
    assert main(["compare", "plan", "--icc", "0.5"]) == EXIT_NO_GO
    told = capsys.readouterr().out
    assert "too few" in told
    assert "fewer than 6 raters" in told


def test_a_comparison_at_the_command_line(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = ["-p", str(project)]
    arms = ["--arm", "answers=new.jsonl", "--arm", "answers=old.jsonl"]
    opened = run(capsys, *open_it(project, *arms))
    assert opened["enough"] is True
    assert [a["name"] for a in opened["comparison"]["design"]["arms"]] == ["new", "old"]
    run(capsys, "sign", "spring", *here, "--as", "olga")
    run(capsys, *open_it(project, *arms), code=EXIT_USER)

    for rater in RATERS:
        found = run(capsys, "rate", "spring", *here, "--as", rater)
        while found["next"]:
            preferred = "first" if found["next"]["first"].startswith("new") else "second"
            told = ["--pair", found["next"]["pair"], "--preferred", preferred]
            found = run(capsys, "rate", "spring", *here, "--as", rater, *told)
        guess = run(capsys, "guess", "spring", *here, "--as", rater)
        while guess["left"]:
            told = ["--pair", guess["pair"], "--arm", "cannot tell"]
            guess = run(capsys, "guess", "spring", *here, "--as", rater, *told)

    assert main(["compare", "show", "spring", *here]) == EXIT_OK
    shown = capsys.readouterr().out
    assert shown.splitlines()[-1].startswith("  clear")
    assert "GO: " in shown
    judge = project / "judge.jsonl"
    judge.write_text('{"id": "r0001", "value": 1}\n{"id": "x", "value": 0.7}\n', encoding="utf-8")
    error = run(capsys, "show", "spring", *here, "--judge", str(judge), code=EXIT_USER)["error"]
    assert error["place"].endswith("judge.jsonl:2")
    closed = run(capsys, "close", "spring", *here, "--as", "olga")
    assert closed["outcome"] == "GO"
    with Store(project) as store:
        assert compared(store)["spring"].outcome == "GO"
        assert store.check_ledger().faults == ()


def test_a_human_arm_at_the_command_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = ["-p", str(project)]
    arms = ["--arm", "answers=new.jsonl", "--arm", "human", "--agent", "gus"]
    run(capsys, *open_it(project, *arms))
    run(capsys, "sign", "spring", *here, "--as", "olga")
    open_requests = run(capsys, "inbox", "--as", "gus", *here)["open"]
    assert len(open_requests) == 4
    for request in open_requests:
        told = ["--request", request["id"], "--text", f"By hand: {request['id'][:4]}."]
        run(capsys, "inbox", "--as", "gus", *here, *told)
    assert run(capsys, "inbox", "--as", "gus", *here)["open"] == []
    assert run(capsys, "rate", "spring", *here, "--as", "ann")["left"] == 4


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        (["--arm", "tuned"], "two arms, 1"),
        (["--arm", "base", "--arm", "nonsense"], "no kind of arm"),
        (["--arm", "answers=gone.jsonl", "--arm", "human"], "No such file: gone.jsonl"),
        (["--arm", "endpoint=x", "--arm", "human"], "needs its model and address"),
        (["--arm", "production", "--arm", "human"], "nothing serves in production"),
        (["--arm", "answers=new.jsonl", "--arm", "human"], "nobody answers for the human arm"),
        (["--arm", "answers=new.jsonl", "--arm", "human", "--agent", "ann"], "has the role expert"),
        (["--arm", "base=1", "--arm", "human"], "takes nothing"),
    ],
)
def test_drafts_that_cannot_be_say_why(
    project: Path, capsys: pytest.CaptureFixture[str], arms: list[str], message: str
) -> None:
    assert main(["compare", *open_it(project, *arms)]) == EXIT_USER
    error = capsys.readouterr().err
    assert message in error
    if "tuned" not in arms[:2] or len(arms) == 2:
        assert "hint:" in error


def test_what_is_not_there_is_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "show", "nothing", "-p", str(project)]) == EXIT_USER
    assert "there are: none yet" in capsys.readouterr().err
    assert main(["compare", "rate", "spring", "-p", str(project)]) == EXIT_MISUSE
