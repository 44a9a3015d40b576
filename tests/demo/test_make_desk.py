"""The maker of the demo's project: same bytes each time, and a truth file that tells the truth."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rapidfuzz.distance import Indel

from tunewell.demo.desk_rows import words
from tunewell.demo.make_desk import FILES, SHARES, build_desk, make_desk
from tunewell.demo.spoil import card, iban
from tunewell.task import load_task

Rows = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A project and its truth."""
    out = tmp_path_factory.mktemp("desk")
    return out, make_desk(out)


def read_rows(out: Path) -> Rows:
    """Text and answer of every row that can be read, by id, with plain readers."""
    rows: Rows = {}
    for name in ("chat", "exam"):
        for item in json_lines(out / FILES[name]):
            rows[item["id"]] = {
                "text": item["messages"][0]["content"],
                "answer": item["messages"][1]["content"],
                "kind": item["topic"],
                "date": item["created"] or "",
            }
    for item in json_lines(out / FILES["mail"]):
        rows[item["mail_id"]] = {
            "text": item["prompt"],
            "answer": item["completion"],
            "kind": item["folder"],
            "date": item["received"],
        }
    for item in json.loads((out / FILES["book"]).read_text(encoding="utf-8")):
        rows[item["nr"]] = {
            "text": item["instruction"],
            "answer": item["output"],
            "kind": item["chapter"],
            "date": item["edition"],
        }
    for item in json.loads((out / FILES["public"]).read_text(encoding="utf-8")):
        rows[item["id"]] = {
            "text": item["conversations"][0]["value"],
            "answer": item["conversations"][1]["value"],
            "kind": "smalltalk",
            "date": "",
        }
    for item in csv.DictReader(io.StringIO((out / FILES["tickets"]).read_text(encoding="utf-8"))):
        rows[item["ticket_no"]] = {
            "text": item["customer_text"],
            "answer": item["agent_reply"],
            "kind": item["category"],
            "date": item["opened"],
        }
    return rows


def json_lines(path: Path) -> list[dict[str, Any]]:
    """The lines that parse."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def test_same_arguments_same_bytes(desk: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    make_desk(tmp_path)
    names = [*FILES.values(), "truth.json", "tunewell.yaml"]
    assert all((tmp_path / name).read_bytes() == (desk[0] / name).read_bytes() for name in names)


def test_another_seed_makes_another_project(desk: tuple[Path, dict[str, Any]]) -> None:
    assert build_desk(seed=8).clean[0].text not in {row.text for row in build_desk(seed=7).clean}


def test_every_row_is_accounted_for(desk: tuple[Path, dict[str, Any]]) -> None:
    out, truth = desk
    rows = read_rows(out)
    planted = [p["id"] for p in truth["planted"] if p["id"]]
    assert len(truth["clean"]) + len(truth["planted"]) == truth["rows"] == 800
    assert sorted(rows) == sorted([*truth["clean"], *planted, *truth["exam"]])
    assert 0.35 <= len(truth["planted"]) / truth["rows"] <= 0.45


def test_places_are_where_the_rows_stand(desk: tuple[Path, dict[str, Any]]) -> None:
    out, truth = desk
    lines = {name: (out / name).read_text(encoding="utf-8").split("\n") for name in FILES.values()}
    for plant in truth["planted"]:
        line = lines[plant["file"]][plant["line"] - 1]
        if plant["id"]:
            assert plant["id"] in line
        else:
            with pytest.raises(ValueError, match=r".*"):
                json.loads(line)


def test_all_that_is_documented_is_planted(desk: tuple[Path, dict[str, Any]]) -> None:
    codes = Counter(p["code"] for p in desk[1]["planted"])
    assert set(codes) == {"D01", "D03", "D04", "D05", "D06", "D07", "D08", "D09", "D11"}
    assert sum(codes.values()) == pytest.approx(sum(SHARES.values()) * 800, abs=6)
    assert desk[1]["skew"]["rows"]["north"] / 800 > 0.6


def test_plants_are_what_they_say(desk: tuple[Path, dict[str, Any]]) -> None:
    out, truth = desk
    rows = read_rows(out)
    by_what: dict[str, list[dict[str, Any]]] = {}
    for plant in truth["planted"]:
        by_what.setdefault(plant["what"], []).append(plant)
    for plant in by_what["exact copy"]:
        assert words(rows[plant["id"]]["text"]) == words(rows[plant["other"]]["text"])
    for plant in [*by_what["edited copy"], *by_what["test row, edited"]]:
        copy, original = rows[plant["id"]], rows[plant["other"]]
        likeness = Indel.normalized_similarity(
            words(copy["text"] + copy["answer"]), words(original["text"] + original["answer"])
        )
        assert 0.6 < likeness < 1
    for plant in by_what["contradicts a newer answer"]:
        assert rows[plant["id"]]["date"] < rows[plant["other"]]["date"]
        assert rows[plant["id"]]["answer"] != rows[plant["other"]]["answer"]
    assert all(rows[p["id"]]["date"] < "2024" for p in by_what["old handbook"])
    assert all(re.search("â€|Ã|â‚¬", rows[p["id"]]["text"]) for p in by_what["mojibake"])
    assert {
        p["other"] for p in [*by_what["test row, edited"], *by_what["test row, copied"]]
    } <= set(truth["exam"])


def test_clean_rows_are_no_near_duplicates(desk: tuple[Path, dict[str, Any]]) -> None:
    rows = read_rows(desk[0])
    clean = [
        words(rows[i]["text"] + " " + rows[i]["answer"])
        for i in (*desk[1]["clean"], *desk[1]["exam"])
    ]
    worst = max(
        Indel.normalized_similarity(a, b, score_cutoff=0.5)
        for i, a in enumerate(clean)
        for b in clean[:i]
    )
    assert worst < 0.8


def test_clean_answers_hold_to_the_house_style(desk: tuple[Path, dict[str, Any]]) -> None:
    project = build_desk()
    for row in (*project.clean, *project.exam):
        assert re.match(rf"^\[{row.kind}\] ", row.answer)
        assert "Next step: " in row.answer
        assert all(point.lower() in row.answer.lower() for point in row.points.split(" | ")), row
        assert "refund" not in row.answer
        assert len(row.text.split()) <= 60
        assert len(row.answer.split()) <= 40


def test_check_digits() -> None:
    assert iban("DE", "370400440532013000") == "DE89 3704 0044 0532 0130 00"
    assert iban("DE", "370400440532013000", wrong=True) != "DE89 3704 0044 0532 0130 00"
    assert card("453914880343646") == "4539 1488 0343 6467"
    for seed in range(3):
        for row in build_desk(seed=seed, rows=100).clean:
            for number in re.findall(r"(?:\d{4} ){3}\d{4}", row.text):
                assert not luhn(number.replace(" ", ""))


def luhn(number: str) -> bool:
    """Whether the last digit is right, the textbook way round."""
    total = 0
    for i, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if i % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def test_the_definition_loads(desk: tuple[Path, dict[str, Any]]) -> None:
    file = load_task(desk[0])
    assert [source.role for source in file.spec.data].count("test") == 1
    assert all((desk[0] / source.path).is_file() for source in file.spec.data)


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="60 to 1,000"):
        build_desk(rows=5000)
