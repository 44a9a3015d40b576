from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.curate.conftest import MakeDefinition, pair
from tunewell.curate.reading.read import ReadResult, read_source, settle_ids
from tunewell.curate.reading.source_record import MAX_RECORD_BYTES
from tunewell.curate.receipts import Ledger
from tunewell.errors import DataError
from tunewell.task import DataSource, FieldMap


def read(path: Path, **options: object) -> ReadResult:
    batch = ReadResult()
    source = DataSource.model_validate({"path": str(path), **options})
    read_source(source, root=path.parent, batch=batch)
    return batch


@pytest.mark.parametrize(
    "record",
    [
        {"messages": [{"role": "user", "content": "Q?"}, {"role": "assistant", "content": "A."}]},
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Q?"}]},
                {"role": "assistant", "content": "A."},
            ]
        },
        {"conversations": [{"from": "human", "value": "Q?"}, {"from": "gpt", "value": "A."}]},
        {"instruction": "Q?", "input": "", "output": "A."},
        {"prompt": "Q?", "completion": "A."},
        {"question": "Q?", "answer": "A."},
        {
            "prompt": [{"role": "user", "content": "Q?"}],
            "completion": [{"role": "assistant", "content": "A."}],
        },
    ],
)
def test_known_formats_are_detected(tmp_path: Path, record: dict[str, object]) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(record) + "\n")
    (row,) = read(path).rows
    assert (row.input, row.target, row.id, row.place) == (
        "Q?",
        "A.",
        "rows.jsonl:1",
        "rows.jsonl:1",
    )


def test_own_fields_template_tags_and_ids(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        'nr,q,extra,a,day,region\n7,"Two\nlines",x,yes,2024-05-01,north\n8,Why?,,no,,\n'
    )
    fields = FieldMap(input="q", target="a", id="nr", date="day", tags=("region",))
    batch = read(path, fields=fields.model_dump(), template="{q} ({extra})")
    assert [r.input for r in batch.rows] == ["Two\nlines (x)", "Why? ()"]
    assert [r.id for r in batch.rows] == ["7", "8"]
    assert [r.place for r in batch.rows] == ["rows.csv:2", "rows.csv:4"]
    assert batch.rows[0].tags == {"region": "north"}
    assert str(batch.rows[0].date) == "2024-05-01"


def test_of_several_columns_the_first_that_is_not_empty_counts(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    records = [
        {"id": "1", "urls": "{'a.com'}", "doc": "Terms"},
        {"id": "2", "doc": "Licence"},
        {"id": "3", "urls": ""},
    ]
    path.write_text(
        "".join(json.dumps({"q": "Q?", "a": "A.", **record}) + "\n" for record in records)
    )
    batch = read(path, fields={"input": "q", "target": "a", "id": "nr | id", "group": "urls | doc"})
    assert [row.group for row in batch.rows] == ["{'a.com'}", "Licence", ""]
    assert [row.id for row in batch.rows] == ["1", "2", "3"]
    assert (
        "column 'nr | uid' is missing"
        in read(path, fields={"input": "q", "target": "a", "id": "nr | uid"}).rejects[0].why
    )


def test_an_object_of_objects_gives_lines_and_keys(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(
        json.dumps(
            {"k1": {"prompt": "a", "completion": "b"}, "k2": {"prompt": "c", "completion": "d"}},
            indent=1,
        )
    )
    batch = read(path)
    assert [(r.id, r.place) for r in batch.rows] == [("k1", "rows.json:2"), ("k2", "rows.json:6")]


def test_a_broken_element_of_an_array_loses_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(
        '[\n{"prompt": "a", "completion": "b"},\n{"prompt": "x" oops},\n'
        '{"prompt": "c", "completion": "d"}\n]'
    )
    batch = read(path)
    assert [r.input for r in batch.rows] == ["a", "c"]
    assert [r.place for r in batch.rejects] == ["rows.json:3"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_encodings_are_detected(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "rows.jsonl"
    text = json.dumps(pair("Straße?", "Über den Fluß."), ensure_ascii=False) + "\n"
    path.write_bytes(text.encode(encoding))
    (row,) = read(path).rows
    assert (row.input, row.target) == ("Straße?", "Über den Fluß.")


def test_parquet_and_folders_of_text(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"prompt": ["a", None], "completion": ["b", "c"]}), tmp_path / "rows.parquet"
    )
    assert [(r.input, r.target) for r in read(tmp_path / "rows.parquet").rows] == [
        ("a", "b"),
        ("", "c"),
    ]
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "one.txt").write_text("First text.")
    (folder / "two.md").write_text("Second text.")
    assert [(r.id, r.target) for r in read(folder).rows] == [
        ("docs/one.txt:1", "First text."),
        ("docs/two.md:1", "Second text."),
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{not json", "not JSON"),
        (b"[1, 2]", "must be an object"),
        (b'"text"', "must be an object"),
        (b'{"messages": "no list"}', "no known format"),
        (b'{"messages": [{"role": "alien", "content": "x"}]}', "unknown role"),
        (b'{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}', "only text"),
        (b'{"messages": [{"role": "user", "content": 5}]}', "not text"),
        (b"[" * 200_000, "nested more than 100 deep"),
        (b'{"a": 1}', "no known format"),
    ],
)
def test_a_bad_row_is_a_recorded_reject(tmp_path: Path, line: bytes, why: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(
        b'{"prompt": "a", "completion": "b"}\n' + line + b'\n{"prompt": "c", "completion": "d"}\n'
    )
    batch = read(path)
    assert [r.input for r in batch.rows] == ["a", "c"]
    (reject,) = batch.rejects
    assert reject.place == "rows.jsonl:2"
    assert why in reject.why


def test_a_giant_line_is_skipped_without_holding_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(
        b'{"prompt": "a", "completion": "b"}\n{"prompt": "'
        + b"x" * (2 * MAX_RECORD_BYTES + 5)
        + b'"}\n{"prompt": "c", "completion": "d"}\n'
    )
    batch = read(path)
    assert [(r.input, r.place) for r in batch.rows] == [
        ("a", "rows.jsonl:1"),
        ("c", "rows.jsonl:3"),
    ]
    assert [r.place for r in batch.rejects] == ["rows.jsonl:2"]


def test_lone_surrogates_and_nan_are_mended(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "a \\ud800 b", "completion": "c", "date": NaN}\n')
    batch = read(path)
    assert batch.rows[0].input == "a \ufffd b"
    assert batch.rows[0].date is None
    assert len(batch.repairs) == 1


def test_ids_are_made_unique_with_a_receipt(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(pair(f"q{i}", "a", id="same")) + "\n" for i in range(3)))
    batch, ledger = read(path), Ledger()
    settle_ids(batch, ledger)
    assert [r.id for r in batch.rows] == ["same", "same#2", "same#3"]
    assert [r["row"] for r in ledger.table().to_pylist()] == ["same#2", "same#3"]


def test_missing_files_and_variables_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match=r"there is no file .*nothing\.jsonl"):
        read(tmp_path / "nothing.jsonl")
    monkeypatch.delenv("TUNEWELL_NOT_SET", raising=False)
    with pytest.raises(DataError, match="TUNEWELL_NOT_SET"):
        read(Path("$TUNEWELL_NOT_SET/rows.jsonl"))


def test_too_many_rejects_fail_the_run(project: MakeDefinition) -> None:
    from tunewell.curate.pipeline import read as read_project

    file = project({"a.jsonl": "x\ny\n" + json.dumps(pair("q", "a")) + "\n"})
    with pytest.raises(DataError, match=r"2 of 3 input rows \(67 %\) cannot be read.*20 %"):
        read_project(file)
    with pytest.raises(DataError, match="none of 1 input rows"):
        read_project(project({"a.jsonl": ""}))


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.binary(max_size=400),
    suffix=st.sampled_from([".jsonl", ".json", ".csv", ".tsv", ".txt", ".parquet"]),
)
def test_no_bytes_crash_the_reader(tmp_path: Path, data: bytes, suffix: str) -> None:
    path = tmp_path / f"any{suffix}"
    path.write_bytes(data)
    batch = read(path)
    places = [r.place for r in batch.rows] + [r.place for r in batch.rejects]
    assert len(set(places)) == len(places)
    for row in batch.rows:
        assert all(text.encode("utf-8") is not None for _, text in row.turns)


@pytest.mark.parametrize(
    ("name", "data", "rows", "why"),
    [
        (
            "a.jsonl",
            '{"prompt": "a", "completion": "b", "prompt": "c"}\n',
            0,
            "'prompt' appears twice",
        ),
        ("a.json", '[{"prompt": "a", "completion": "b"}]{"prompt": "c"}', 1, "follows the end"),
        (
            "a.json",
            '{"x": {"prompt": "a", "completion": "b"}, "x": {"prompt": "c"}}',
            0,
            "'x' appears twice",
        ),
        ("a.csv", "prompt,completion\n", 0, "no rows below its header"),
        ("a.csv", 'prompt,completion,"x\na,b,"\nc,d,\n', 1, "in the header"),
        ("a.jsonl", '{"messages": [{"role": "user", "contemt": "a"}]}', 0, "turn 0 has no content"),
    ],
)
def test_nothing_is_lost_without_a_word(
    tmp_path: Path, name: str, data: str, rows: int, why: str
) -> None:
    (tmp_path / name).write_text(data)
    batch = read(tmp_path / name)
    assert len(batch.rows) == rows
    assert why in batch.rejects[0].why


def test_names_that_no_store_takes_stay_out_of_the_receipts(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"\\ud800": 1, "b": 2}\n')
    batch = read(tmp_path / "a.jsonl")
    ledger = Ledger()
    settle_ids(batch, ledger)
    assert ledger.table()["rule"].to_pylist()[0].startswith("no known format")
    (tmp_path / "folder").mkdir()
    try:
        (tmp_path / "folder" / os.fsdecode(b"\xff.txt")).write_text("some text")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    (row,) = read(tmp_path / "folder").rows
    assert row.place == "folder/?.txt:1"


def test_a_quotation_in_a_quoted_cell_loses_no_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = [
        "question,answer",
        '"Is a lamp "in stock" if it is lit, now?","Yes, it is."',
        "Now?,No.",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    batch = ReadResult()
    read_source(DataSource(path=str(path)), root=tmp_path, batch=batch)
    assert [row.input for row in batch.rows] == ['Is a lamp "in stock" if it is lit, now?', "Now?"]
    assert not batch.rejects
