from __future__ import annotations

import datetime as dt
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.monitor.streams import START, rows_of
from tunewell.cli.main import main


def outage(day: int, rng: np.random.Generator, row: dict[str, Any]) -> None:
    if day >= 150 and rng.random() < 0.25:
        row["question"] += " bellmail.com refuses password"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("watch") / "asked.jsonl.gz"
    rows = rows_of(175, seed=20, change=outage)
    with gzip.open(path, "wt", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row) + "\n")
        out.write("{broken\n")
        out.write(json.dumps({"id": "late", "created": "soon", "question": "?"}) + "\n")
    return path


def test_a_file_without_a_project(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "alarms.jsonl"
    assert main(["watch", str(file), "--alarms", str(out)]) == 0
    told = capsys.readouterr()
    assert "time: created, id: id" in told.out
    assert "1 without a time, 1 not readable" in told.out
    assert "bellmail" in told.out
    assert "cause: " in told.out
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    line = next(line for line in lines if "bellmail" in line["slice"])
    assert START.date() + dt.timedelta(days=150) <= dt.date.fromisoformat(line["date"])
    assert dt.date.fromisoformat(line["date"]) <= START.date() + dt.timedelta(days=154)


def test_one_envelope(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", str(file), "--json", "--until", "2024-05-20"]) == 0
    envelope = json.loads(capsys.readouterr().out)
    assert envelope["command"] == "watch"
    result = envelope["result"]
    assert result["alarms"] == []
    names = {each["channel"] for each in result["channels"]}
    assert {"count", "mean of latency", "share of topic=mail"} <= names
    assert {each["code"]: each["status"] for each in result["findings"]}["L03"] == "clear"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["no-such.jsonl"], "No such file"),
        (["{file}", "--time", "moment"], "has no column 'moment'"),
        (["{file}", "--until", "yesterday"], "must be a date"),
        (["{file}", "--reference", "2024-01-01"], "two dates with two dots"),
        (["{file}", "--reference", "2024-03-01..2024-01-01"], "must end after it begins"),
        (["{file}", "--yearly", "1.5"], "between 0 and 1"),
        (["{file}", "--until", "2024-01-09"], "end before their reference"),
        (["{undated}"], "no column of undated holds the time"),
    ],
)
def test_what_cannot_be_watched_is_told(
    arguments: list[str],
    says: str,
    file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    undated = tmp_path / "undated.jsonl"
    undated.write_text('{"question": "how?"}\n' * 3, encoding="utf-8")
    code = main(["watch", *(part.format(file=file, undated=undated) for part in arguments)])
    assert code == 1
    assert says in capsys.readouterr().err


def test_a_hostile_name_is_shown_and_not_obeyed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.jsonl"
    rows = rows_of(1, seed=21)
    rows[0]["topic"] = "\x1b[31m[bold]red"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    assert main(["watch", str(path)]) == 1
    assert "\x1b[31m" not in capsys.readouterr().out
