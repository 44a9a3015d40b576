"""The table of planted and caught rows counts what happened, whatever it was."""

from __future__ import annotations

from typing import Any

from tunewell.demo.make_desk import build_desk, files_of, truth_of
from tunewell.demo.plant_audit import audit_plants
from tunewell.types import Action, Receipt


def receipt(row: str, action: Action, code: str = "") -> Receipt:
    return Receipt(row=row, place="x:1", step="s", order=0, action=action, rule="r", code=code)


def truth() -> dict[str, Any]:
    project = build_desk(rows=100)
    _, places, bad = files_of(project, seed=7)
    return truth_of(project, places, bad, seed=7, rows=100)


def perfect(known: dict[str, Any]) -> list[Receipt]:
    lines = [receipt(row, "kept") for row in known["clean"]]
    for plant in known["planted"]:
        row = plant["id"] or f"{plant['file']}:{plant['line']}"
        if plant["expected"] == "changed":
            lines += [receipt(row, "changed", plant["code"]), receipt(row, "kept")]
        else:
            lines.append(receipt(row, "dropped", plant["code"]))
    return lines


def test_all_caught() -> None:
    known = truth()
    found = audit_plants(known, perfect(known))
    assert all(
        line.caught == line.planted and not line.otherwise and not line.missed
        for line in found.lines
    )
    assert sum(line.planted for line in found.lines) == len(known["planted"])
    assert not found.wrongly_dropped
    assert not found.wrongly_changed


def test_nothing_caught() -> None:
    known = truth()
    rows = [p["id"] for p in known["planted"] if p["id"]] + known["clean"]
    found = audit_plants(known, [receipt(row, "kept") for row in rows])
    assert all(line.caught == 0 and len(line.missed) == line.planted for line in found.lines)


def test_wrong_drops_and_masks_show() -> None:
    known = truth()
    lines = [
        r
        for r in perfect(known)
        if r.row not in {known["clean"][0], known["traps"][0], known["landmarks"][0]}
    ]
    lines += [
        receipt(known["clean"][0], "dropped", "D08"),
        receipt(known["landmarks"][0], "dropped", "D06"),
        receipt(known["traps"][0], "changed", "D07"),
        receipt(known["traps"][0], "kept"),
    ]
    found = audit_plants(known, lines)
    assert found.wrongly_dropped == {known["clean"][0]: "D08", known["landmarks"][0]: "D06"}
    assert list(found.wrongly_changed) == [known["traps"][0]]
    assert found.lost_exceptions == (known["landmarks"][0],)


def test_of_two_copies_either_may_stay() -> None:
    known = truth()
    copy = next(p for p in known["planted"] if p["what"] == "exact copy")
    lines = [r for r in perfect(known) if r.row not in {copy["id"], copy["other"]}]
    lines += [receipt(copy["id"], "kept"), receipt(copy["other"], "dropped", "D03")]
    found = audit_plants(known, lines)
    assert not found.wrongly_dropped
    assert all(line.caught == line.planted for line in found.lines)


def test_another_rule_counts_but_is_told() -> None:
    known = truth()
    memo = next(p for p in known["planted"] if p["what"] == "internal memo")
    lines = [r for r in perfect(known) if r.row != memo["id"]] + [
        receipt(memo["id"], "dropped", "D08")
    ]
    line = next(x for x in audit_plants(known, lines).lines if x.what == "internal memo")
    assert (line.caught, line.otherwise) == (line.planted, 1)
