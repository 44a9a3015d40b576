"""Two fetches of one source: lost and late rows, edits, names that changed backwards in time."""

from __future__ import annotations

import copy
import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.monitor.streams import START, rows_of, stream
from tunewell.cli.main import main
from tunewell.monitor.cause import explain
from tunewell.monitor.fetches import compare_fetches, sentences
from tunewell.monitor.watch import look

ROWS = rows_of(120, a_day=15, seed=3)


def _day(
    row: dict[str, Any],
) -> int:
    return (dt.datetime.fromisoformat(row["created"]) - START).days


def _edited() -> list[dict[str, Any]]:
    rows = copy.deepcopy(ROWS)
    return [row for row in rows if not (_day(row) == 40 and row["id"][-1] in "1234567")]


def test_an_unchanged_source_shows_no_change() -> None:
    found = compare_fetches(stream(ROWS), stream(copy.deepcopy(ROWS)))
    assert found.changes == ()
    assert found.evidence == []
    assert sentences(found) == [f"{len(ROWS):,} rows in both fetches, none changed, lost or late"]


def test_lost_rows_are_counted_and_their_day_is_evidence() -> None:
    found = compare_fetches(stream(ROWS), stream(_edited()))
    (lost,) = found.changes
    gone = len(ROWS) - len(_edited())
    assert lost.kind == "lost"
    assert lost.share.value == pytest.approx(gone / len(ROWS))
    (day,) = found.lost_days
    assert day.kind == "lost"
    assert day.at == START + dt.timedelta(days=40)


def test_rows_that_roll_out_of_a_source_are_not_lost_and_not_called_clear() -> None:
    later = [row for row in ROWS if _day(row) >= 30]
    found = compare_fetches(stream(ROWS), stream(later))
    assert found.changes == ()
    older = len(ROWS) - len(later)
    assert f"unchecked: {older} rows of the earlier fetch from before" in sentences(found)[-1]

    swapped = compare_fetches(stream(later), stream(ROWS))
    assert f"unchecked: {older} rows of the later fetch from before" in sentences(swapped)[-1]


def test_a_number_that_was_changed_is_an_edit_and_a_new_column_is_unchecked() -> None:
    before = [{**row, "score": float(place % 97) / 7} for place, row in enumerate(ROWS)]
    after = copy.deepcopy(before)
    for row in after[100:110]:
        row["score"] += 1.0
    found = compare_fetches(stream(before), stream(after))
    (edited,) = found.changes
    assert (edited.kind, edited.field) == ("edited", "score")
    assert edited.share.value == pytest.approx(10 / len(ROWS))
    assert edited.share.n == len(ROWS)
    assert found.unchecked == ()

    (new,) = compare_fetches(stream(ROWS), stream(before)).unchecked
    assert new.startswith("score, ")


def test_rows_that_are_older_than_the_earlier_fetch_and_new_came_late() -> None:
    found = compare_fetches(stream(_edited()), stream(ROWS))
    assert [change.kind for change in found.changes] == ["late"]


def test_a_topic_renamed_in_all_of_its_time_is_a_new_name_and_no_step() -> None:
    rows = copy.deepcopy(ROWS)
    for row in rows:
        if row["topic"] == "calendar":
            row["topic"] = "dates"
    (change,) = compare_fetches(stream(ROWS), stream(rows)).changes
    assert (change.kind, change.values, change.at) == ("renamed", ("calendar", "dates"), None)
    assert change.share.value == 1.0
    assert not list(change.evidence())


@pytest.mark.parametrize("backwards", [True, False])
def test_a_topic_renamed_to_or_from_a_date_explains_the_step_that_it_leaves(
    backwards: bool,
) -> None:
    rows = rows_of(170, a_day=25, seed=5)
    newer = copy.deepcopy(rows)
    for row in newer:
        if row["topic"] == "calendar" and (_day(row) < 140) == backwards:
            row["topic"] = "mail"
    earlier, later = stream(rows), stream(newer)
    found = compare_fetches(earlier, later)
    (change,) = found.changes
    assert change.kind == "renamed"
    assert change.at is not None
    assert abs((change.at - START).days - 140) <= 2
    watched = explain(look(later), [later], known=found.evidence)
    steps = [alarm for alarm in watched.alarms if "topic=" in alarm.slice]
    assert steps
    assert {alarm.cause for alarm in steps} == {"instrumentation"}


def test_single_edits_are_counted_and_mark_their_field() -> None:
    rows = copy.deepcopy(ROWS)
    rng = np.random.default_rng(1)
    for place in rng.choice(len(rows), 30, replace=False):
        rows[place]["question"] += " [solved]"
    found = compare_fetches(stream(ROWS), stream(rows))
    (change,) = found.changes
    assert (change.kind, change.field) == ("edited", "question")
    assert change.share.value == pytest.approx(30 / len(ROWS))
    assert found.edited == ("question",)


def test_fetches_without_a_common_row_are_refused() -> None:
    other = [{**row, "id": f"x{row['id']}"} for row in ROWS]
    with pytest.raises(ValueError, match="no row in common"):
        compare_fetches(stream(ROWS), stream(other))


def test_the_command_line_says_what_changed_between_two_fetches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, rows in (("old", ROWS), ("new", _edited())):
        lines = "".join(f"{json.dumps(row)}\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    new, old = str(tmp_path / "new.jsonl"), str(tmp_path / "old.jsonl")
    assert main(["watch", new, "--earlier", old]) == 0
    said = capsys.readouterr().out
    assert "between the two fetches" in said
    assert "rows of the earlier fetch are gone" in said
    assert main(["watch", new]) == 0
    alone = capsys.readouterr().out
    assert "unchecked: late edits and lost rows" in alone
    assert "unchecked: judge scores" in alone
