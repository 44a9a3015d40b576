from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tunewell.curate.reading.columns import Columns, Misfit
from tunewell.curate.reading.detect import detect
from tunewell.curate.reading.formats import RowReader, fill
from tunewell.curate.reading.row_fields import as_date
from tunewell.curate.rows import InputRow
from tunewell.task import DataSource, FieldMap

AUTO = DataSource(path="x")


def row_of(record: dict[str, Any], source: DataSource, *, place: str, name: str) -> InputRow:
    reader = RowReader.of(source, name)
    return reader.row(reader.columns(record), place=place)


def test_what_is_known_of_a_row_may_stand_in_its_metadata() -> None:
    record = {
        "prompt": "q",
        "completion": "a",
        "metadata": {"id": "m1", "doc_id": "d7", "created_at": 1_700_000_000},
    }
    row = row_of(record, AUTO, place="f:1", name="f")
    assert (row.id, row.group, row.date) == ("m1", "doc_id d7", dt.date(2023, 11, 14))


def test_a_group_that_the_project_names_comes_first() -> None:
    source = DataSource(path="x", fields=FieldMap(group="patient"))
    row = row_of(
        {"prompt": "q", "completion": "a", "doc_id": "d7", "patient": "p"},
        source,
        place="f:1",
        name="f",
    )
    assert row.group == "p"


def test_tool_calls_and_unknown_columns() -> None:
    call = {"role": "assistant", "content": None, "tool_calls": [{"name": "look"}]}
    row = row_of(
        {"messages": [{"role": "user", "content": "q"}, call]}, AUTO, place="f:1", name="f"
    )
    assert row.target == '{"name": "look", "arguments": {}}'
    assert detect(Columns({"whatever": 1}), AUTO) == "fields"
    with pytest.raises(Misfit, match="columns whatever"):
        row_of({"whatever": 1}, AUTO, place="f:1", name="f")
    with pytest.raises(Misfit, match="'nr' is missing"):
        row_of(
            {"prompt": "q", "completion": "a"},
            DataSource(path="x", fields=FieldMap(id="nr")),
            place="f:1",
            name="f",
        )


def test_dates_that_could_be_two_days_are_no_dates() -> None:
    assert as_date("03/04/2024") is None
    assert as_date("2024-02-30") is None
    assert as_date(1_700_000_000_000) == dt.date(2023, 11, 14)
    assert as_date(True) is None


def test_a_template_takes_the_users_text_as_it_is() -> None:
    assert fill("{a} of {b}", Columns({"a": "{b}", "b": "x"})) == "{b} of x"
    with pytest.raises(Misfit, match="'c' of the template"):
        fill("{c}", Columns({}))


def test_options_that_the_question_shows_are_not_written_again() -> None:
    asked = "Which mood is that? Options: warm, cold, none"
    options = ["warm", "cold", "none"]
    record = {"input": asked, "target": "cold", "answer_choices": options}
    row = row_of(record, AUTO, place="f:1", name="f")
    assert (row.input, row.target) == (asked, "cold")
    free = {**record, "target": "warm: the lamp; cold: the sea"}
    assert row_of(free, AUTO, place="f:2", name="f").target == "warm: the lamp; cold: the sea"


def test_whole_conversations_may_be_better_and_worse() -> None:
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    worse = [turns[0], {"role": "assistant", "content": "b"}]
    record = {"chosen_messages": turns, "rejected_messages": worse}
    row = row_of(record, AUTO, place="f:1", name="f")
    assert (row.input, row.target) == ("q", "a")


def test_a_question_for_a_database_is_answered_by_its_query() -> None:
    asked = "How many lamps are lit?"
    record = {"question": asked, "query": "SELECT count(*) FROM lamps", "db": "pier"}
    assert row_of(record, AUTO, place="f:1", name="f").target == record["query"]
    with pytest.raises(Misfit):
        row_of({**record, "query": "lamps lit number"}, AUTO, place="f:2", name="f")


@pytest.mark.parametrize(("key", "answer"), [(1, "B. cold"), ("B", "B. cold")])
def test_an_option_by_number_or_letter_is_written_out(key: object, answer: str) -> None:
    asked = "Is the mood warm or cold?"
    record = {"question": asked, "choices": ["warm", "cold"], "answer": key}
    assert row_of(record, AUTO, place="f:1", name="f").target == answer
