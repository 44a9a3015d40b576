from __future__ import annotations

import datetime as dt
import json
import random

import pytest
from bench.curation.age import measure
from hypothesis import given
from hypothesis import strategies as st

from tests.curate.conftest import Project, pair
from tunewell.curate import curate
from tunewell.curate.outdated_facts import against_facts
from tunewell.curate.rows import InputRow
from tunewell.curate.superseded import against_newer
from tunewell.errors import UserError
from tunewell.lineage import why
from tunewell.metrics.facts import Facts
from tunewell.store import Store
from tunewell.testing.planted_age import TODAY, aged

FACTS = {
    "facts": [
        {
            "entity": "Green tariff",
            "attribute": "price per kWh",
            "value": "31.2 ct",
            "to": "2025-12-31",
        },
        {
            "entity": "Green tariff",
            "attribute": "price per kWh",
            "value": "29.8 ct",
            "from": "2026-01-01",
        },
        {"entity": "moving", "attribute": "form", "value": "U-5", "to": "2025-06-30"},
        {"entity": "moving", "attribute": "form", "value": "M-1", "from": "2025-07-01"},
    ]
}


def row(name: str, asked: str, answer: str, day: str = "") -> InputRow:
    return InputRow(
        name,
        f"a:{name}",
        [("user", asked), ("assistant", answer)],
        date=dt.date.fromisoformat(day) if day else None,
    )


@pytest.mark.parametrize(
    ("asked", "answer", "said"),
    [
        ("price?", "The Green tariff costs 31.2 ct per kWh.", "31.2 ct"),
        ("price?", "The Green tariff costs 29.8 ct per kWh.", ""),
        ("price?", "Until 2025 the Green tariff cost 31.2 ct per kWh.", ""),
        ("What was the price in 2025?", "The Green tariff costs 31.2 ct per kWh.", ""),
        ("Which form for moving?", "Please fill in U-5 and send it.", "U-5"),
        ("Which form for moving?", "Please fill in M-1 and send it.", ""),
        ("Which form for moving?", "It was U-5 until July; now it is M-1.", ""),
        ("Which part do I need?", "Order the part U-5 and send it.", ""),
        ("moving?", "Please fill in XU-52.", ""),
    ],
)
def test_against_the_facts_file(asked: str, answer: str, said: str) -> None:
    found = list(
        against_facts(
            [row("a", asked, answer)], Facts.model_validate(FACTS), today=dt.date(2026, 10, 31)
        )
    )
    assert [case.said for case in found] == ([said] if said else [])


def prices(values: list[tuple[str, int]]) -> list[InputRow]:
    text = "One kilowatt hour of green power costs {} cents."
    return [
        row(f"r{i}", "?", text.format(value), str(TODAY - dt.timedelta(days=ago)))
        for i, (value, ago) in enumerate(values)
    ]


def test_a_value_that_follows_another_supersedes_it() -> None:
    rows = prices([("31", 900 - i) for i in range(6)] + [("29", 300 - i) for i in range(8)])
    found = list(against_newer(rows))
    assert {case.row.id for case in found} == {f"r{i}" for i in range(6)}
    assert {(case.said, case.now, case.newer) for case in found} == {("31", "29", "r13")}


def test_one_who_still_says_the_old_value_is_found_too() -> None:
    rows = prices(
        [("31", 900 - i) for i in range(9)] + [("29", 300 - i) for i in range(12)] + [("31", 10)]
    )
    assert "r21" in {case.row.id for case in against_newer(rows)}


def test_values_side_by_side_are_instances() -> None:
    draw = random.Random(1)
    amounts = [(str(draw.choice((31, 29, 84))), draw.randint(1, 900)) for _ in range(40)]
    assert list(against_newer(prices(amounts))) == []
    assert (
        list(against_newer(prices([("31", 900), ("31", 890), ("29", 10), ("29", 5)]))) == []
    )  # too few to tell


@given(st.lists(st.tuples(st.sampled_from("123"), st.integers(1, 900)), max_size=30))
def test_the_newest_value_is_never_superseded(values: list[tuple[str, int]]) -> None:
    rows = prices([(f"3{v}", ago) for v, ago in values])
    for case in against_newer(rows):
        assert case.said != case.now


def test_every_superseded_row_has_its_receipt(project: Project, store: Store) -> None:
    old, new = "The Green tariff costs 31.2 ct per kWh.", "The Green tariff costs 29.8 ct per kWh."
    rows = [
        pair("What does a kilowatt hour cost me?", old, id="old", date="2026-02-01"),
        pair("How much is power now, please?", new, id="new", date="2026-03-01"),
        pair(
            "Price in the ruling of the court?",
            f"{old} So it is.",
            id="kept",
            date="2026-02-02",
            landmark="true",
        ),
    ]
    rules = """
        rules:
          superseded: drop
          facts: facts.yaml
          max_age: {days: 9000, except: [{field: landmark, is: "true"}]}
        """
    file = project(
        {"a.jsonl": rows, "facts.yaml": json.dumps(FACTS)},
        rules,
        "data:\n  - {path: a.jsonl, fields: {tags: [landmark]}}\n",
    )
    dataset = curate(file, store)
    assert sorted(e.id for e in store.examples(dataset)) == ["kept", "new"]
    last = why(store, "old").receipts[-1]
    assert (last.step, last.code, last.action) == ("superseded", "D06", "dropped")
    assert "31.2 ct; now 29.8 ct (facts.yaml)" in last.evidence
    assert last.cites.startswith("tunewell.yaml:")
    run = store.runs(stage="curate")[-1]
    assert next(f for f in run.findings if f.code == "D06").rows == ("old",)


def test_a_report_leaves_the_rows_and_says_so(project: Project, store: Store) -> None:
    rows = [
        pair(
            "What does it cost me?",
            "The Green tariff costs 31.2 ct per kWh.",
            id="old",
            date="2026-02-01",
        )
    ]
    file = project(
        {"a.jsonl": rows, "facts.yaml": json.dumps(FACTS)},
        "rules: {facts: facts.yaml}\n",
        "data:\n  - {path: a.jsonl}\n",
    )
    dataset = curate(file, store)
    assert [e.id for e in store.examples(dataset)] == ["old"]
    finding = next(f for f in store.runs(stage="curate")[-1].findings if f.code == "D06")
    assert (finding.status, finding.rows) == ("found", ("old",))
    assert "still in the data" in finding.why
    outside = project({"a.jsonl": rows}, "rules: {facts: ../facts.yaml}\n")
    with pytest.raises(UserError, match="inside the project"):
        curate(outside, store)


@pytest.mark.parametrize("facts", [True, False])
def test_planted_stale_rows(facts: bool) -> None:
    made = aged(seed=5, each=30, topics=12)
    total, found, _ = measure(made, facts=facts)
    stale = {r.kind for r in made.rows if r.stale}
    assert sum(found[k] for k in stale) >= 0.95 * sum(total[k] for k in stale)
    assert sum(found[k] for k in total if k not in stale) <= 0.01 * sum(
        total[k] for k in total if k not in stale
    )
