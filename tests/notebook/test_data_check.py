"""``tw.doctor``: rows in every form that people hold them in, and what a notebook shows."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tunewell as tw
from tunewell.curate.doctor import doctor as examine_files

Row = dict[str, Any]

TOPICS = ["invoices", "parking", "lifts", "heating", "keys", "visitors", "bikes", "printers"]
HOSTILE = "<img src=x onerror=alert(1)>"


def clean_rows() -> list[Row]:
    return [
        {
            "prompt": f"Whom do I ask about {topic} in building {number}?",
            "completion": f"Please write to the desk for {topic}; they answer within two days.",
        }
        for number, topic in enumerate(TOPICS, 1)
    ]


def spoiled_rows() -> list[Row]:
    rows = clean_rows()
    rows[2]["completion"] = "N/A"
    rows[0]["completion"] = f"{HOSTILE} Write to the desk for invoices, please."
    return [*rows, dict(rows[0])]


def as_frame(rows: list[Row]) -> Any:
    return pytest.importorskip("pandas").DataFrame(rows)


def as_table(rows: list[Row]) -> Any:
    return pytest.importorskip("pyarrow").Table.from_pylist(rows)


def as_dataset(rows: list[Row]) -> Any:
    return pytest.importorskip("datasets").Dataset.from_list(rows)


def as_generator(rows: list[Row]) -> Any:
    return (row for row in rows)


@pytest.mark.parametrize("form", [list, as_generator, as_frame, as_table, as_dataset])
def test_every_form_finds_what_a_file_shows(form: Callable[[Any], Any], tmp_path: Path) -> None:
    rows = spoiled_rows()
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    wanted = {f.code: (f.status, len(f.rows)) for f in examine_files(path).findings}

    report = tw.doctor(form(rows))
    assert report.rows == len(rows)
    assert {f.code: (f.status, len(f.rows)) for f in report.findings} == wanted
    assert report["D08"].status == report["D03"].status == "found"
    assert report["D08"].rows == ("rows[2]",)


def test_paths_keep_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in spoiled_rows()), encoding="utf-8")
    for given in (path, str(path), [path], [str(path)]):
        assert tw.doctor(given)["D08"].rows == ("line:3",)


def test_a_leak_between_two_values_is_found() -> None:
    rows = clean_rows()
    assert tw.doctor(rows)["D11"].status == "unchecked"
    leaking = tw.doctor(rows, eval=[rows[1]])["D11"]
    assert (leaking.status, leaking.blocking) == ("found", True)
    others = [{"prompt": "What does the moon weigh?", "completion": "About 7e22 kilograms."}]
    assert tw.doctor(rows, eval=others)["D11"].status == "clear"


def test_the_test_split_of_a_dataset_dict_is_the_evaluation_set() -> None:
    datasets = pytest.importorskip("datasets")
    rows = clean_rows()
    splits = datasets.DatasetDict(
        {
            "train": datasets.Dataset.from_list(rows),
            "test": datasets.Dataset.from_list(rows[:2]),
        }
    )
    report = tw.doctor(splits)
    assert report.rows == len(rows)
    assert report["D11"].status == "found"
    splits["extra"] = splits["train"]
    with pytest.raises(tw.DataError, match="which one is trained on"):
        tw.doctor(splits)


def test_selected_rows_of_a_dataset_are_the_rows_that_are_read() -> None:
    datasets = pytest.importorskip("datasets")
    dataset = datasets.Dataset.from_list(spoiled_rows()).select([0, 1, 3, 4])
    report = tw.doctor(dataset)
    assert report.rows == 4
    assert report["D08"].status == "clear"


def test_values_that_json_does_not_have_are_written_out() -> None:
    numpy = pytest.importorskip("numpy")
    rows = [
        {**row, "at": dt.datetime(2026, 3, n, tzinfo=dt.UTC), "score": numpy.float64("nan")}
        for n, row in enumerate(clean_rows(), 1)
    ]
    assert tw.doctor(rows).rows == len(rows)


def test_columns_of_mixed_types_are_read() -> None:
    pandas = pytest.importorskip("pandas")
    rows = clean_rows()
    turns = [{"messages": [{"role": "user", "content": r["prompt"]}]} for r in rows]
    frame = pandas.DataFrame({"a": [1, "two", None], "prompt": ["x", "y", "z"], "completion": "ok"})
    assert tw.doctor(frame).rows == 3
    assert tw.doctor(pandas.DataFrame(turns)).rows == len(rows)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([], "no rows"),
        (5, "Got int instead"),
        ([1, 2], "row 0 must be a mapping"),
        ({"prompt": ["a"]}, "Got dict instead"),
    ],
)
def test_what_is_no_rows_is_an_error_that_says_what_is(value: Any, says: str) -> None:
    with pytest.raises(tw.DataError, match=says):
        tw.doctor(value)


def test_what_is_not_there_is_named_with_what_is(tmp_path: Path) -> None:
    with pytest.raises(tw.DataError, match="there is no file") as raised:
        tw.doctor(tmp_path / "rows.jsonl")
    assert raised.value.hint == "check the path"
    with pytest.raises(tw.DataError, match="'promt' is missing") as raised:
        tw.doctor(spoiled_rows(), input="promt")
    assert "tunewell.doctor(rows, input='QUESTION'" in raised.value.hint
    with pytest.raises(KeyError, match="'D99' is none of"):
        tw.doctor(spoiled_rows())["D99"]


def test_a_notebook_shows_it_with_hostile_text_escaped() -> None:
    page = tw.doctor(spoiled_rows())._repr_html_()
    assert HOSTILE not in page
    assert "<img" not in page
    assert "&lt;img" in page
    assert "<table" in page
    assert "rows[2]" in page


def test_the_printed_form_names_what_was_not_checked() -> None:
    printed = str(tw.doctor(spoiled_rows()))
    assert "not checked:" in printed
    assert "D11" in printed.split("not checked:")[1]
