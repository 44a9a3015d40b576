from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.curate.conftest import HEAD, Project, pair
from tests.similar.desk_and_chat import CHAT, DESK
from tunewell.curate import coverage
from tunewell.curate.fit_check import fit_check
from tunewell.curate.pipeline import apply_rules, read
from tunewell.curate.rows import InputRow
from tunewell.similar.vectors import available
from tunewell.task import parse_task

pytestmark = pytest.mark.skipif(not available(), reason="the part 'vectors' is not installed")


def row(text: str, i: int, **more: str) -> InputRow:
    return InputRow(f"r{i}", f"a:{i}", [("user", text), ("assistant", "ok")], tags=more)


def test_rows_that_read_like_a_dropped_kind_are_dropped(project: Project) -> None:
    rows = [
        pair(text, f"we look after it: {text}", id=f"d{i}", kind="case")
        for i, text in enumerate(DESK)
    ]
    rows += [
        pair(text, f"haha {text}", id=f"c{i}", kind="smalltalk" if i else "")
        for i, text in enumerate(CHAT)
    ]
    rules = "rules: {kinds: {drop: [smalltalk]}, near_duplicates: report, contradictions: report}"
    file = project({"a.jsonl": rows}, rules)
    done = apply_rules(file, read(file))
    dropped = {r.id for r in done.rows if r.dropped}
    assert dropped == {f"c{i}" for i in range(len(CHAT))}
    line = next(
        r for r in done.ledger.table().to_pylist() if r["row"] == "c0" and r["action"] == "dropped"
    )
    assert (line["step"], line["code"]) == ("kinds", "D01")


def test_the_wrong_exam_is_told_from_the_right_one() -> None:
    desk, chat = [row(t, i) for i, t in enumerate(DESK)], [row(t, i) for i, t in enumerate(CHAT)]
    right = coverage.exam(desk[::2], desk[1::2], stage="doctor", name=lambda r: r.id)
    wrong = coverage.exam(chat, desk, stage="doctor", name=lambda r: r.id)
    assert right.status == "clear"
    assert wrong.status == "found"
    assert wrong.rows


def test_what_is_missing_is_listed_by_kind_with_how_many_rows() -> None:
    finding = coverage.exam(
        [row(t, i) for i, t in enumerate([*DESK * 3, *CHAT[:1]])],
        [row(t, i) for i, t in enumerate([*DESK, *CHAT])],
        stage="doctor",
        name=lambda r: r.id,
    )
    assert "too few rows of: " in finding.why


def test_narrow_data_and_slice_gaps(tmp_path: Path) -> None:
    wide = [row(t, i) for i, t in enumerate([*DESK, *CHAT])]
    narrow = [row("please check the meter of my flat", i) for i in range(95)] + wide[:5]
    assert coverage.width(wide, stage="doctor").status == "clear"
    assert coverage.width(narrow, stage="doctor").status == "found"
    text = HEAD + "data: [{path: a}]\nslices: [{field: region, target: {north: 0.5, south: 0.5}}]\n"
    file = parse_task(text, path=tmp_path / "tunewell.yaml", environment={})
    rows = [row("x", i, region="north" if i % 20 else "south") for i in range(200)]
    found = coverage.slices(rows, file, stage="doctor")
    assert (found.status, found.slice) == ("found", "region=south")
    assert found.threshold is not None
    assert found.threshold.origin == "tunewell.yaml:7"


def test_a_public_set_is_judged_slice_by_slice(project: Project, tmp_path: Path) -> None:
    rows = [pair(text, "ok", region="north" if i % 2 else "south") for i, text in enumerate(DESK)]
    file = project(
        {"own.jsonl": rows},
        "slices: [{field: region}]",
        "data: [{path: own.jsonl, fields: {tags: [region]}}]\n",
    )
    public = tmp_path / "public.jsonl"
    public.write_text("".join(json.dumps(pair(text, "haha")) + "\n" for text in CHAT))
    found = fit_check(public, file)
    assert [f.slice for f in found] == ["", "region=north", "region=south"]
    assert found[0].status == "found"
