from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.metrics.conftest import row
from tunewell.errors import TaskError, UserError
from tunewell.metrics import Marked, build_metrics
from tunewell.metrics.decision_table import DecisionTable, condition_holds
from tunewell.metrics.fact_check import statements
from tunewell.metrics.facts import Facts, read_facts
from tunewell.task import TaskFile

FILE = """
facts:
  - {entity: Green tariff, attribute: price per kWh, value: 31.2 ct,
     from: 2025-01-01, to: 2025-12-31, also: [eco plan]}
  - {entity: Green tariff, attribute: price per kWh, value: 29.8 ct,
     from: 2026-01-01, to: 2026-12-31}
  - {entity: Green tariff, attribute: price per kWh, value: 33 ct, from: 2027-01-01}
  - {entity: Green tariff, attribute: notice period, value: 4 weeks}
  - {entity: Green tariff, attribute: base fee, value: 12.50 EUR a month, called: [monthly fee]}
  - {entity: Night tariff, attribute: price per kWh, value: 24.1 ct}
  - {entity: Night tariff, attribute: last day to order, value: 2026-09-30}
decisions:
  - name: hardship grant
    ask: "Is a household of {people} with {income} EUR entitled?"
    rules:
      - {when: {people: ">= 3", income: "<= 2400"}, then: entitled}
      - {when: {people: "1..2", income: "<= 1500"}, then: entitled}
      - {when: {}, then: not entitled}
"""
DAY = dt.date(2026, 3, 1)


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    (tmp_path / "facts.yaml").write_text(FILE)
    return read_facts(tmp_path / "facts.yaml")


@pytest.mark.parametrize(
    ("answer", "question", "expected"),
    [
        ("The Green tariff costs 29,8 ct per kWh.", "", [("29.8 ct", "right")]),
        ("The eco plan costs 31.2 cents per kWh.", "", [("31.2 cents", "outdated")]),
        ("It costs 33 ct per kWh.", "What is the price of the Green tariff?", [("33 ct", "early")]),
        ("It costs 30 ct per kWh.", "What is the price of the Green tariff?", [("30 ct", "wrong")]),
        ("The Night tariff costs 29.8 ct per kWh.", "", [("29.8 ct", "wrong")]),
        (
            "Green tariff: notice period four weeks. The monthly fee is €12.50.",
            "",
            [("4 weeks", "right"), ("12.5 eur", "right")],
        ),
        ("Order the Night tariff by 31 October 2026, the last day.", "", [("2026-10-31", "wrong")]),
        (
            "Order the Night tariff by 30 September 2026, the last day.",
            "",
            [("2026-09-30", "right")],
        ),
        ("The Green tariff comes with 5 trees.", "", [("5 trees", "unlisted")]),
        ("Please wait 3 days.", "My meter is broken", []),
        ("The Green tariff is 29.8 ct, the Night tariff 24.1 ct per kWh.", "", None),
    ],
)
def test_every_value_gets_its_standing(
    facts: Facts, answer: str, question: str, expected: list[tuple[str, str]] | None
) -> None:
    found = statements(answer, facts, day=DAY, question=question)
    if expected is None:  # two entities in one sentence: doubt is no fault
        assert {(s.said, s.standing) for s in found} >= {("29.8 ct", "right"), ("24.1 ct", "right")}
    else:
        assert [(s.said, s.standing) for s in found] == expected


def test_planted_outdated_and_wrong_values_are_caught() -> None:
    """200 entities with two versions each.

    A third of the answers says the old value, a third one that never was.
    """
    rng = random.Random(0)
    rows, answers = [], []
    for i in range(200):
        unit = rng.choice(["EUR", "ct", "days", "%"])
        old, new, never = (f"{rng.randrange(100, 900) / 10:g} {unit}" for _ in range(3))
        if len({old, new, never}) < 3:
            continue
        name = f"plan {chr(65 + i % 26)}{i}"
        rows += [
            {"entity": name, "attribute": "price", "value": old, "to": "2025-12-31"},
            {"entity": name, "attribute": "price", "value": new, "from": "2026-01-01"},
        ]
        standing = ("right", "outdated", "wrong")[i % 3]
        value = {"right": new, "outdated": old, "wrong": never}[standing]
        answers.append((f"Thank you for asking. For {name} the price is {value}.", standing))
    facts = Facts.model_validate({"facts": rows})
    found = [[s.standing for s in statements(a, facts, day=DAY)] for a, _ in answers]
    assert found == [[standing] for _, standing in answers]


def test_currency_as_a_metric(define: Callable[..., TaskFile], tmp_path: Path) -> None:
    (tmp_path / "facts.yaml").write_text(FILE)
    file = define("metrics: [{name: currency, options: {date: tags.asked}}]")
    (metric,) = build_metrics(file)
    question = row("What does the Green tariff cost?", "x", asked="2026-03-01")
    found = metric(
        "The price is 31.2 ct per kWh. The notice period is 4 weeks.", question, task=file.spec
    )
    assert isinstance(found, Marked)
    assert found.value == 0.5
    assert "outdated" in found.reason
    assert "29.8 ct" in found.reason
    assert metric.applies(row("?", "x")) == "the question has no date"
    version = metric.version
    (tmp_path / "facts.yaml").write_text(FILE.replace("29.8", "29.9"))
    assert build_metrics(file)[0].version != version


def test_faults_of_a_facts_file_are_told(tmp_path: Path) -> None:
    path = tmp_path / "facts.yaml"
    path.write_text(
        "facts: [{entity: a, attribute: b, value: 1}, {entity: a, attribute: b, value: 2}]"
    )
    with pytest.raises(UserError, match="hold at the same time"):
        read_facts(path)
    path.write_text("decisions: [{name: d, rules: [{when: {age: '>= 18'}, then: yes it is}]}]")
    with pytest.raises(UserError, match="no rule for age = 17"):
        read_facts(path)
    path.write_text(
        "facts: [{entity: a, attribute: b, value: 1, from: 2026-02-01, to: 2026-01-01}]"
    )
    with pytest.raises(UserError, match="before 'from'"):
        read_facts(path)


def test_csv_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("entity,attribute,value,from,to\nA,b,1 EUR,2026-01-01,\n")
    assert read_facts(tmp_path / "f.csv").facts[0].start == dt.date(2026, 1, 1)


# --- decisions ------------------------------------------------------------------------------------


def table() -> DecisionTable:
    return Facts.model_validate(yaml.safe_load(FILE)).decisions[0]


def test_cases_lie_at_the_limits_and_reach_every_rule() -> None:
    cases = list(table().cases())
    assert {table().decide(c) for c in cases} == {"entitled", "not entitled"}
    assert {c["income"] for c in cases} == {"1499", "1500", "1501", "2399", "2400", "2401"}
    rules = table().rules
    assert {next(i for i, r in enumerate(rules) if r.holds(c)) for c in cases} == {0, 1, 2}
    assert (
        table().question({"people": "3", "income": "2400"})
        == "Is a household of 3 with 2400 EUR entitled?"
    )


def test_a_shifted_limit_is_always_seen_by_the_cases() -> None:
    moved = table().model_copy(
        update={
            "rules": (
                table()
                .rules[0]
                .model_copy(update={"when": {"people": ">= 3", "income": "<= 2399"}}),
                *table().rules[1:],
            )
        }
    )
    assert any(moved.decide(c) != table().decide(c) for c in table().cases())


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        ("< 5", "5", False),
        ("= 5", "5.0", True),
        ("1..3", "3", True),
        ("yes|maybe", "Maybe", True),
        (">= 3", "x", False),
    ],
)
def test_conditions(condition: str, value: str, holds: bool) -> None:
    assert condition_holds(condition, value) == holds


@pytest.mark.parametrize(
    ("answer", "people", "income", "value"),
    [
        ("You are entitled to it.", "3", "2400", 1.0),
        ("Sorry, you are not entitled.", "3", "2400", 0.0),
        ("Sorry, you are not entitled.", "3", "2401", 1.0),
        ("You may be entitled or not entitled.", "3", "2400", 0.0),
        ("It depends.", "3", "2400", 0.0),
    ],
)
def test_decision_as_a_metric(
    define: Callable[..., TaskFile],
    tmp_path: Path,
    answer: str,
    people: str,
    income: str,
    value: float,
) -> None:
    (tmp_path / "facts.yaml").write_text(FILE)
    file = define("metrics: [{name: decision}]")
    (metric,) = build_metrics(file)
    found = metric(
        answer,
        row("?", "x", decision="hardship grant", people=people, income=income),
        task=file.spec,
    )
    assert isinstance(found, Marked)
    assert found.value == value
    assert metric.applies(row("?", "x"))


def test_a_missing_facts_file_is_a_fault_with_its_line(define: Callable[..., TaskFile]) -> None:
    with pytest.raises(TaskError, match="cannot be read"):
        build_metrics(define("metrics: [{name: currency}]"))
