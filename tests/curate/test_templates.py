from __future__ import annotations

import pytest

from tests.curate.conftest import MakeDefinition, pair
from tunewell.curate.pipeline import Curated, apply_rules, read
from tunewell.testing.planted import vocabulary

_WORDS = vocabulary()[1_000:]


def _run(project: MakeDefinition, rules: str) -> Curated:
    def asked(i: int) -> str:
        name, thing = _WORDS[7 * i], _WORDS[7 * i + 3]
        return (
            f"dear {name} your order of the {thing} has left our house today and will be brought "
            "to you within three working days by our driver who will ring the bell of your flat"
        )

    def said(i: int) -> str:
        name = _WORDS[11 * i + 1]
        return f"Thank you {name}, we will be at home on that day and wait for the driver."

    rows = [
        pair(
            asked(i),
            said(i),
            id=f"t{i}",
            date=f"2026-01-{i + 1:02d}",
        )
        for i in range(20)
    ]
    rows += [
        pair(
            " ".join(_WORDS[400 + 30 * i : 425 + 30 * i]),
            " ".join(_WORDS[2000 + 30 * i : 2020 + 30 * i]),
            id=f"c{i}",
            date="2025-01-01",
        )
        for i in range(30)
    ]
    file = project({"a.jsonl": rows}, rules)
    return apply_rules(file, read(file))


def test_a_template_family_is_capped_with_a_receipt_that_names_the_line(
    project: MakeDefinition,
) -> None:
    done = _run(project, "rules:\n  templates:\n    max_per_family: 6\n    keep: newest\n")
    kept = {row.id for row in done.training}
    assert {i for i in kept if i.startswith("t")} == {f"t{i}" for i in range(14, 20)}
    assert {i for i in kept if i.startswith("c")} == {f"c{i}" for i in range(30)}
    gone = [r for r in done.ledger.table().to_pylist() if r["action"] == "dropped"]
    assert len(gone) == 14
    assert {r["step"] for r in gone} == {"templates"}
    assert {r["code"] for r in gone} == {"D05"}
    file = project(
        {"a.jsonl": [pair("x y z", "a b c")]}, "rules:\n  templates:\n    max_per_family: 6\n"
    )
    assert {r["cites"] for r in gone} == {file.where("rules.templates.max_per_family")}


def test_without_a_cap_a_family_is_reported_and_kept(project: MakeDefinition) -> None:
    from tunewell.curate.pipeline import seen

    file = project({"a.jsonl": [pair("x y z", "a b c")]})
    done = _run(project, "")
    assert len(done.training) == 50
    found = next(f for f in seen(file, done) if f.code == "D05")
    assert found.status == "found"
    assert "20 of 50 rows are made from one template: all are kept" in found.why
    assert "max_per_family" in found.remedy


def test_the_rule_is_held_to_its_words(project: MakeDefinition) -> None:
    from tunewell.errors import UserError

    with pytest.raises(UserError, match="max_per_family"):
        project({"a.jsonl": [pair("x y z", "a b c")]}, "rules: {templates: {max_per_family: -1}}")
