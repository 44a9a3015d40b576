"""Label Studio, Argilla, CSV."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewell.annotate import from_label_studio, to_argilla, to_csv, to_label_studio
from tunewell.errors import DataError
from tunewell.people import Batch, Item, MarkedSpan, RaterVerdict, Said

NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
BATCH = Batch(
    id="b",
    kind="annotate",
    title="t",
    created=NOW,
    author="o",
    span_labels=("x",),
    row_labels=("l",),
)
TEXT = "Pay 92.10 EUR within 14 days 🙂 or call."

spans = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 9)).map(
        lambda t: MarkedSpan(start=t[0], end=t[0] + t[1], label="x")
    ),
    max_size=4,
)
words = st.builds(
    Said,
    spans=spans.map(tuple),
    label=st.sampled_from(["", "l"]),
    answer=st.text(max_size=20).map(str.strip),
)


def verdict(said: Said, item: str = "i1", account: str = "ann") -> RaterVerdict:
    return RaterVerdict(
        number=1,
        key="k",
        item=item,
        batch="b",
        account=account,
        at=NOW,
        seconds=4,
        version="v",
        said=said,
    )


@given(words)
def test_what_goes_to_label_studio_comes_back(said: Said) -> None:
    item = Item(id="i1", batch="b", number=0, example="row 7", source=TEXT)
    tasks = json.loads(json.dumps(to_label_studio([item], [verdict(said)], BATCH)))
    ((row, who, back),) = from_label_studio(tasks)
    assert (row, who, back) == ("row 7", "ann", said)
    for result in tasks[0]["annotations"][0]["result"]:
        if result["type"] == "labels":
            value = result["value"]
            assert value["text"] == TEXT[value["start"] : value["end"]]


def test_what_has_no_place_here_is_refused_with_its_task() -> None:
    task = {
        "id": 3,
        "data": {},
        "annotations": [{"result": [{"type": "rectanglelabels", "value": {}}]}],
    }
    with pytest.raises(DataError, match=r"task 0 .* 'rectanglelabels'"):
        from_label_studio([task])
    with pytest.raises(DataError, match="task 1"):
        from_label_studio([{"id": 1, "data": {}}, {"data": 3}])
    assert from_label_studio([{"id": 5, "data": {}, "annotations": [{"was_cancelled": True}]}]) == [
        ("5", "", Said(skipped="cancelled"))
    ]


def test_a_spreadsheet_runs_no_formula() -> None:
    item = Item(id="i1", batch="b", number=0, example="=1+1", source="@SUM(A1)")
    said = Said(label="l", answer='=HYPERLINK("http://evil.example")', comment="-2+3", spans=())
    (line,) = csv.DictReader(io.StringIO(to_csv([item], [verdict(said)], BATCH)))
    for cell in ("row", "source", "answer", "comment"):
        assert line[cell].startswith("'"), cell
    assert (line["label"], line["guideline"], line["seconds"]) == ("l", "v", "4.0")


def test_argilla_records_hold_every_word() -> None:
    item = Item(id="i1", batch="b", number=0, example="r", source=TEXT, output="o")
    said = Said(label="l", answer="a", spans=(MarkedSpan(start=0, end=3, label="x"),))
    (record,) = to_argilla([item], [verdict(said), verdict(Said(skipped="?"), account="bob")])
    assert record["fields"] == {"source": TEXT, "output": "o"}
    one, two = record["responses"]
    assert one["values"]["label"] == {"value": "l"}
    assert one["values"]["spans"]["value"] == [{"start": 0, "end": 3, "label": "x"}]
    assert (one["status"], two["status"]) == ("submitted", "discarded")
