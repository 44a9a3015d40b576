"""Rows that rules leave in the data block a release where `doctor` would block the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tunewell.curate.doctor import doctor
from tunewell.curate.pipeline import apply_rules, seen
from tunewell.curate.reading.read import ReadResult, read_source
from tunewell.task import DataSource, Rules, TaskFile, TaskSection, TaskSpec
from tunewell.types import Finding

OFF = {
    "exact_duplicates": "report",
    "near_duplicates": "report",
    "contradictions": "report",
    "broken": "report",
    "boilerplate": "report",
}
PLACES = ("Mill", "Oak", "Ash", "Elm", "Hill", "Lake", "Bridge", "Church", "Market", "Station")
THINGS = ("lamp", "bin", "bench", "meter", "hydrant", "drain", "sign", "railing", "swing", "tap")


def rows_of(copies: int, contradictions: int, broken: int) -> list[dict[str, str]]:
    rows = []
    for i in range(100):
        thing, place = THINGS[i // 10], PLACES[i % 10]
        question = f"Who repairs the {thing} in {place} Street when it fails?"
        answer = f"Team {i * 3} of the {thing} crew comes to {place} within {i + 2} days."
        rows.append({"input": question, "target": answer})
    rows += rows[:copies]
    for row in rows[50 : 50 + contradictions]:
        other = "Nobody does so any more; the owners of the houses have to see to it themselves."
        rows.append({"input": row["input"], "target": other})
    for i in range(broken):
        rows.append({"input": f"Where is office number {i * 7 + 1000}?", "target": "N/A"})
    return rows


def blocking(findings: list[Finding]) -> set[str]:
    return {f.code for f in findings if f.blocking}


def curated(path: Path, **rules: object) -> list[Finding]:
    section = TaskSection(name="desk", about="answers of a city desk", input="any", output="any")
    spec = TaskSpec(
        task=section,
        data=(DataSource(path=str(path)),),
        rules=Rules.model_validate(rules),
    )
    file = TaskFile(spec=spec, path=path.parent / "tunewell.yaml")
    batch = ReadResult()
    read_source(spec.data[0], root=path.parent, batch=batch)
    return seen(file, apply_rules(file, batch))


@pytest.mark.parametrize(
    ("copies", "contradictions", "broken", "codes"),
    [
        (0, 0, 0, set()),
        (12, 0, 0, {"D03"}),
        (0, 4, 0, {"D09"}),
        (0, 0, 5, {"D08"}),
        (1, 0, 1, set()),
    ],
)
def test_what_doctor_blocks_blocks_where_the_rules_leave_it_in(
    tmp_path: Path, copies: int, contradictions: int, broken: int, codes: set[str]
) -> None:
    path = tmp_path / "rows.jsonl"
    rows = rows_of(copies, contradictions, broken)
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    named = {"D03", "D04", "D08", "D09"}
    by_doctor = blocking(list(doctor(path).findings)) & named
    assert by_doctor >= codes
    left = curated(path, **OFF)
    assert blocking(left) & named == by_doctor
    for finding in left:
        if finding.blocking:
            assert finding.status == "found"
            assert finding.rows
            assert "nothing to do" not in finding.remedy


def test_rules_that_take_the_rows_leave_nothing_that_blocks(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows_of(12, 0, 5))), encoding="utf-8")
    assert blocking(curated(path)) == set()
    # Contradictions are only reported unless a rule drops them.
    path.write_text("\n".join(map(json.dumps, rows_of(12, 4, 5))), encoding="utf-8")
    assert blocking(curated(path)) == {"D09"}
    assert blocking(curated(path, contradictions="drop")) == set()
