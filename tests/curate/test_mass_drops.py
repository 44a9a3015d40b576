from __future__ import annotations

from pathlib import Path

from tunewell.curate.mass_drops import awaiting
from tunewell.curate.pipeline import apply_rules, seen
from tunewell.curate.reading.read import ReadResult
from tunewell.curate.rows import InputRow
from tunewell.task import DataSource, Rules, TaskFile, TaskSection, TaskSpec
from tunewell.types import Finding

_TOWNS = ("Mill", "Oak", "Ash", "Elm", "Hill", "Lake", "Bridge", "Church", "Market", "Station")
_THINGS = ("lamp", "bin", "bench", "meter")


def _define(about: str = "answers of a city desk", **rules: object) -> TaskFile:
    section = TaskSection(name="desk", about=about, input="any", output="any")
    spec = TaskSpec(
        task=section,
        data=(DataSource(path="x.jsonl"),),
        rules=Rules.model_validate(rules),
    )
    return TaskFile(spec=spec, path=Path("tunewell.yaml"))


def _batch(broken: str, every: int) -> ReadResult:
    batch = ReadResult()
    for i in range(40):
        place = f"{_TOWNS[i % 10]} Lane {i}"
        answer = f"The {_THINGS[i // 10]} of {place} is looked at on day {i * 7} by team {i * 3}."
        if i % every == 0:
            answer = broken
        turns = [("user", f"Who sees to the {_THINGS[i // 10]} in {place}?"), ("assistant", answer)]
        batch.rows.append(InputRow(f"r{i}", f"x:{i}", turns))
    return batch


def _fates(file: TaskFile, batch: ReadResult) -> tuple[set[str], dict[str, Finding]]:
    done = apply_rules(file, batch)
    fates = {row for row, code in done.ledger.fates().items() if code == "D08"}
    return fates, {f.code: f for f in seen(file, done)}


def test_a_rule_that_would_take_a_fifth_of_a_file_reports_until_it_is_confirmed() -> None:
    fates, findings = _fates(_define(near_duplicates="report"), _batch("N/A", 3))
    assert not fates
    finding = findings["D08"]
    assert finding.unconfirmed
    assert finding.blocking
    assert "broken would drop 14 of" in finding.why
    assert len(finding.rows) == 14
    assert len(finding.pairs) == 5
    assert list(awaiting([finding])) == ["broken"]

    confirmed = _define(near_duplicates="report", confirmed=["broken"])
    fates, findings = _fates(confirmed, _batch("N/A", 3))
    assert len(fates) == 14
    assert not findings["D08"].unconfirmed


def test_a_rule_that_takes_less_drops_as_before() -> None:
    fates, findings = _fates(_define(near_duplicates="report"), _batch("N/A", 8))
    assert len(fates) == 5
    assert not findings["D08"].unconfirmed


def test_each_kind_of_broken_row_has_a_rule_of_its_own() -> None:
    fates, _ = _fates(_define(near_duplicates="report", empty="report"), _batch("N/A", 8))
    assert not fates
    drops = _define(near_duplicates="report", broken="report", empty="drop")
    fates, _ = _fates(drops, _batch("N/A", 8))
    assert len(fates) == 5
    likely = _define(near_duplicates="report", empty="drop")
    fates, _ = _fates(likely, _batch("-", 8))
    assert len(fates) == 5
    fates, _ = _fates(_define(near_duplicates="report"), _batch("-", 8))
    assert not fates


def test_a_task_that_refuses_some_requests_keeps_its_refusals() -> None:
    no = "I'm sorry, but I can't help with that."
    fates, _ = _fates(_define(near_duplicates="report", exact_duplicates="report"), _batch(no, 8))
    assert len(fates) == 5
    wants = _define("a desk that declines what is out of scope", near_duplicates="report")
    fates, _ = _fates(wants, _batch(no, 8))
    assert not fates
