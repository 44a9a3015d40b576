"""Runs and what became of a row."""

from pathlib import Path

import pytest

from tunewell.errors import UserError
from tunewell.lineage import downstream, record, reuse, upstream, why
from tunewell.store import Store
from tunewell.store.rows import receipts_to_table
from tunewell.types import Assignment, Dataset, Example, Message, Receipt, Split


def curated(store: Store, rows: int = 3) -> Dataset:
    examples = [
        Example(id=f"r{i:06}", messages=(Message(role="user", content="q"),)) for i in range(rows)
    ]
    receipts = [
        Receipt(row=e.id, place=f"f:{i}", step="end", order=0, action="kept", rule="")
        for i, e in enumerate(examples)
    ]
    with record(store, "curate", inputs={"source": "s" * 64}, parameters={"a": 1}) as run:
        dataset = Dataset(
            id="d" * 64,
            rows=rows,
            examples=store.put_examples(examples),
            receipts=store.put_table(receipts_to_table(receipts), sort=["row", "order"]),
        )
        run.outputs["dataset"] = store.put_value(dataset)
        run.outputs["examples"] = dataset.examples
        run.counts["kept"] = rows
    return dataset


def test_a_run_records_what_it_took(tmp_path: Path) -> None:
    store = Store(tmp_path)
    curated(store)
    run = store.last_run("curate")
    assert run is not None
    assert run.status == "finished"
    assert run.counts == {"kept": 3}
    assert run.peak_bytes > 1e7
    assert "numpy" in run.packages


def test_a_failed_stage_is_recorded_and_raised(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(ZeroDivisionError), record(store, "split", inputs={}, parameters={}):
        raise ZeroDivisionError("by nought")
    run = store.runs(stage="split")[0]
    assert (run.status, run.error) == ("failed", "by nought")
    assert store.last_run("split") is None


def test_reuse_needs_the_same_key_and_intact_outputs(tmp_path: Path) -> None:
    store = Store(tmp_path)
    curated(store)
    source = {"source": "s" * 64}
    assert reuse(store, "curate", inputs=source, parameters={"a": 1}) is not None
    assert reuse(store, "curate", inputs=source, parameters={"a": 2}) is None
    run = store.last_run("curate")
    assert run is not None
    store.files.path(run.outputs["dataset"]).unlink()
    assert reuse(store, "curate", inputs=source, parameters={"a": 1}) is None


def test_reuse_of_an_older_run_makes_it_the_newest(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for value in (1, 2):
        with record(store, "split", inputs={}, parameters={"a": value}) as run:
            run.outputs["split"] = store.put_value({"a": value})
    again = reuse(store, "split", inputs={}, parameters={"a": 1})
    last = store.last_run("split")
    assert again is not None
    assert last == again
    assert last.reused_from
    assert last.parameters == {"a": 1}


def test_why_names_the_receipts_and_the_place_in_the_split(tmp_path: Path) -> None:
    store = Store(tmp_path)
    dataset = curated(store)
    split = Split(
        dataset=dataset.id,
        folds=2,
        seed=0,
        assignments=(Assignment(id="r000001", family="f7", part="fold-1"),),
    )
    with record(store, "split", inputs={"examples": dataset.examples}, parameters={}) as run:
        run.outputs["split"] = store.put_value(split)
    history = why(store, "r000001")
    assert (history.part, history.family, history.receipts[0].place) == ("fold-1", "f7", "f:1")
    with pytest.raises(UserError, match="no input row 'nobody'"):
        why(store, "nobody")


def test_why_before_anything(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing has been curated"):
        why(Store(tmp_path), "x")


def test_up_and_downstream(tmp_path: Path) -> None:
    store = Store(tmp_path)
    dataset = curated(store)
    with record(store, "split", inputs={"examples": dataset.examples}, parameters={}) as run:
        run.outputs["split"] = artifact = store.put_value({"split": 1})
    assert [r.stage for r in upstream(store, artifact)] == ["split", "curate"]
    assert [r.stage for r in downstream(store, "s" * 64)] == ["curate", "split"]
