"""The store: nothing acknowledged is lost, nothing half-written is read, one writer at a time."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewell.disk import disk_errors
from tunewell.errors import StoreError
from tunewell.store import Store
from tunewell.store import files as files_module
from tunewell.store.rows import (
    content_digest,
    examples_to_table,
    receipts_to_table,
    table_to_examples,
    table_to_receipts,
)
from tunewell.types import Dataset, Estimate, Example, Message, Receipt


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def row(name: str) -> Example:
    return Example(
        id=name,
        messages=(
            Message(role="user", content=f"q {name}"),
            Message(role="assistant", content="a"),
        ),
    )


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(texts, texts, st.dictionaries(texts, texts, max_size=2)), max_size=5))
def test_examples_survive_the_table(rows: list[tuple[str, str, dict[str, str]]]) -> None:
    examples = [
        Example(
            id=f"{i}",
            messages=(Message(role="user", content=q), Message(role="assistant", content=a)),
            tags=tags,
        )
        for i, (q, a, tags) in enumerate(rows)
    ]
    assert table_to_examples(examples_to_table(examples)) == examples


def test_same_rows_in_any_order_are_the_same_artifact(store: Store) -> None:
    rows = [row(f"{i:03}") for i in range(50)]
    assert store.put_examples(rows) == store.put_examples(rows[::-1])
    assert store.put_examples(rows) != store.put_examples(rows[1:])
    assert content_digest(examples_to_table(rows)) != content_digest(examples_to_table(rows[1:]))


def test_read_some_examples(store: Store) -> None:
    digest = store.put_examples([row(str(i)) for i in range(9)])
    assert [e.id for e in store.examples(digest, ids=["7", "3", "absent"])] == ["3", "7"]


def test_receipts_of_one_row_in_order(store: Store) -> None:
    receipts = [
        Receipt(row="b", place="f:2", step="age", order=1, action="dropped", rule="r"),
        Receipt(row="a", place="f:1", step="end", order=0, action="kept", rule=""),
        Receipt(row="b", place="f:2", step="repair", order=0, action="changed", rule="r"),
    ]
    digest = store.put_table(receipts_to_table(receipts), sort=["row", "order"])
    dataset = Dataset(id="d", rows=1, examples=digest, receipts=digest)
    assert [r.step for r in store.receipts(dataset, row="b")] == ["repair", "age"]
    assert table_to_receipts(receipts_to_table(receipts)) == receipts


def test_values_survive(store: Store) -> None:
    value = Estimate(value=0.5, low=0.4, high=0.6, n=9, method="Wilson")
    assert store.get_value(store.put_value(value), Estimate) == value
    assert store.get_value(store.put_value([value]), list[Estimate]) == [value]


def test_a_damaged_artifact_is_never_read(store: Store, tmp_path: Path) -> None:
    digest = store.put_value({"a": 1})
    path = store.files.path(digest)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StoreError, match="damaged") as caught:
        Store(tmp_path).files.open(digest)
    assert "tunewell run makes it again" in str(caught.value)
    assert not Store(tmp_path).files.has(digest)
    assert store.put_value({"a": 1}) == digest
    assert Store(tmp_path).files.has(digest)


def test_a_damaged_folder_is_noticed(store: Store, tmp_path: Path) -> None:
    digest = store.files.put_folder({"adapter_config.json": b"{}", "sub/weights": b"123"})
    assert (store.files.open(digest) / "sub" / "weights").read_bytes() == b"123"
    (store.files.path(digest) / "adapter_config.json").write_bytes(b"[]")
    assert not Store(tmp_path).files.has(digest)


def test_a_full_disk_is_one_clear_error_and_leaves_nothing_half_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = store.put_value({"kept": True})

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files_module, "fsync", full)
    with pytest.raises(StoreError, match="disk is full") as caught:
        store.put_value({"lost": True})
    assert "everything finished before is kept" in str(caught.value)
    monkeypatch.undo()
    assert list((store.root / "artifacts" / "tmp").iterdir()) == []
    assert store.get_value(before, dict[str, bool]) == {"kept": True}


def test_a_really_full_disk() -> None:
    with (
        pytest.raises(StoreError, match="disk is full"),
        disk_errors(Path("/dev/full")),
    ):
        with Path("/dev/full").open("wb", buffering=0) as handle:
            handle.write(b"x" * 4096)


def test_a_place_that_cannot_be_written_is_one_clear_error() -> None:
    with pytest.raises(StoreError, match="cannot make"):
        Store(Path("/proc/nowhere"))


HOLDER = """
import os, sys, time
from pathlib import Path
from tunewell.store import Store
store = Store(Path(sys.argv[1]))
with store.lock("tunewell run"):
    half = store.files.root / "tmp" / f"{os.getpid()}-half.parquet"
    half.write_bytes(b"half")
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_process_is_told_who_holds_it_and_a_kill_lets_go(
    store: Store, tmp_path: Path
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(StoreError, match=rf"held by process {holder.pid} \(tunewell run\)"),
            store.lock("x"),
        ):
            pytest.fail("two writers at once")
        half = store.files.root / "tmp" / f"{holder.pid}-half.parquet"
        assert half.exists()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with store.lock("tunewell run", wait_s=5):
            assert not half.exists()
    finally:
        holder.kill()
        holder.wait()
        assert holder.stdout is not None
        holder.stdout.close()


def test_the_second_process_can_wait(store: Store, tmp_path: Path) -> None:
    code = HOLDER.replace("time.sleep(60)", "time.sleep(0.7)")
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    told: list[str] = []
    started = time.monotonic()
    with store.lock("second", wait_s=30, waiting=told.append):
        assert time.monotonic() - started > 0.2
    assert len(told) == 1
    assert "tunewell run" in told[0]
    holder.wait()
    holder.stdout.close()


def test_events_are_kept_in_order(store: Store) -> None:
    store.say("approval", "d1", author="owner")
    store.say("approval", "d2", author="expert", record={"n": 1})
    assert [(e.subject, e.author) for e in store.said("approval")] == [
        ("d1", "owner"),
        ("d2", "expert"),
    ]
    assert store.said("approval", subject="d2")[0].record == {"n": 1}


def test_a_damaged_database_is_one_clear_error(store: Store, tmp_path: Path) -> None:
    store.close()
    path = tmp_path / ".tunewell" / "tunewell.db"
    path.write_bytes(b"not a database at all, " * 500)
    for ending in ("-wal", "-shm"):
        Path(str(path) + ending).unlink(missing_ok=True)
    with pytest.raises(StoreError, match="damaged"):
        Store(tmp_path)


def test_a_newer_store_is_refused(store: Store, tmp_path: Path) -> None:
    import sqlalchemy as sa

    with store._engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(StoreError, match="newer Tunewell"):
        Store(tmp_path)


def test_parquet_bytes_do_not_depend_on_chunks(store: Store) -> None:
    whole = pa.table({"id": ["a", "b", "c"]})
    parts = pa.concat_tables([whole.slice(0, 1), whole.slice(1)])
    assert store.put_table(whole) == store.put_table(parts)


def test_author_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from tunewell.store import default_author

    monkeypatch.setenv("TUNEWELL_AUTHOR", "Ada")
    assert default_author() == "Ada"
    assert os.environ["TUNEWELL_AUTHOR"] == "Ada"


def test_a_full_disk_is_told_from_what_a_library_raises_in_its_own_words(tmp_path: Path) -> None:
    """Weights are written by a library with an exception of its own, which is no `OSError`."""
    safetensors = pytest.importorskip("safetensors")
    said = "Error while serializing: I/O error: No space left on device (os error 28)"
    with pytest.raises(StoreError, match="disk is full"), disk_errors(tmp_path):
        raise safetensors.SafetensorError(said)
    with pytest.raises(ValueError, match="another"), disk_errors(tmp_path):
        raise ValueError("another thing")
