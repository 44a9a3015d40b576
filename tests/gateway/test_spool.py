"""What the spool has, the database gets once, whatever is killed in between."""

from __future__ import annotations

import asyncio
import datetime as dt
import fcntl
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import orjson
import pytest

from tunewell.gateway.drain import still_in_spool, take_up
from tunewell.gateway.frames import (
    CARRIED,
    CLOSED,
    ENDED,
    FEEDBACK,
    OPENED,
    REFUSED,
    frame,
    read_frames,
)
from tunewell.gateway.ids import new_id
from tunewell.gateway.keep import traffic_ledger
from tunewell.gateway.spool import Spool, spool_files
from tunewell.store import Store
from tunewell.store.kept_traffic import read_feedback, read_interactions

NOW = dt.datetime(2026, 11, 30, tzinfo=dt.UTC).isoformat()


def opening(id: str) -> dict[str, Any]:
    return {"id": id, "at": NOW, "assigned": "a"}


def write(path: Path, *entries: tuple[bytes, dict[str, Any]], tail: bytes = b"") -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(frame(kind, orjson.dumps(value)) for kind, value in entries) + tail)
    return path


def states(store: Store) -> dict[str, str]:
    return {row.id: row.state for row in read_interactions(store)}


def test_a_file_that_a_kill_has_cut(tmp_path: Path) -> None:
    entries = [(OPENED, opening("x")), (OPENED, opening("y")), (CLOSED, opening("x"))]
    write(tmp_path / "spool" / "1.spool", *entries, tail=b"r\x40\0\0\0cut")
    with Store(tmp_path) as store:
        done = take_up(store, tmp_path / "spool")
        assert (done.opened, done.recorded, done.unconfirmed) == (2, 1, 1)
        assert done.lost_bytes == 8
        assert states(store) == {"x": "recorded", "y": "unconfirmed"}
        assert traffic_ledger(store).balances
        assert not spool_files(tmp_path / "spool")


def test_what_is_carried_on_is_counted_once(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    write(folder / "1.spool", (OPENED, opening("x")), (ENDED, {"carried": ["x"]}))
    write(folder / "2.spool", (CARRIED, opening("x")), (CLOSED, opening("x")))
    with Store(tmp_path) as store:
        take_up(store, folder)
        assert states(store) == {"x": "recorded"}
        assert traffic_ledger(store).balances


def test_what_a_running_gateway_has_in_work_balances_the_ledger(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    write(folder / "1.spool", (OPENED, opening("x")), (ENDED, {"carried": ["x"]}))
    with Store(tmp_path) as store:
        take_up(store, folder)
        current = write(folder / "2.spool", (CARRIED, opening("x")), (OPENED, opening("y")))
        with current.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            take_up(store, folder)
            found = traffic_ledger(store)
            assert not found.balances
            assert still_in_spool(folder) == 1
            assert found.model_copy(update={"in_spool": still_in_spool(folder)}).balances


@pytest.mark.parametrize("order", [("1", "2"), ("2", "1")])
def test_a_kill_between_two_files(tmp_path: Path, order: tuple[str, str]) -> None:
    """The next file carries what the first, cut before its end, holds too."""
    folder = tmp_path / "spool"
    write(folder / f"{order[0]}.spool", (OPENED, opening("x")))
    write(folder / f"{order[1]}.spool", (CARRIED, opening("x")), (CLOSED, opening("x")))
    with Store(tmp_path) as store:
        take_up(store, folder)
        assert states(store) == {"x": "recorded"}
        assert traffic_ledger(store).balances


def test_refusals_are_counted_whether_or_not_they_were_opened(tmp_path: Path) -> None:
    entries = [
        (OPENED, opening("x")),
        (REFUSED, {"id": "x", "opened": True}),
        (REFUSED, {"id": "y", "opened": False}),
    ]
    write(tmp_path / "spool" / "1.spool", *entries)
    with Store(tmp_path) as store:
        take_up(store, tmp_path / "spool")
        found = traffic_ledger(store)
        assert (found.accepted, found.refused, found.balances) == (2, 2, True)


@pytest.mark.parametrize("end", [(), ((ENDED, {"carried": []}),)])
def test_a_refusal_that_is_said_in_the_next_file_is_counted_once(
    tmp_path: Path, end: tuple[tuple[bytes, dict[str, Any]], ...]
) -> None:
    """A full disk can keep the end of a file from being written, or its list from being whole."""
    folder = tmp_path / "spool"
    write(folder / "1.spool", (OPENED, opening("x")), *end)
    write(folder / "2.spool", (REFUSED, {"id": "x", "opened": True}))
    with Store(tmp_path) as store:
        take_up(store, folder)
        found = traffic_ledger(store)
        assert (found.accepted, found.unconfirmed, found.refused) == (1, 1, 0)
        assert found.balances


def test_a_file_is_taken_up_once(tmp_path: Path) -> None:
    said = {"key": "k", "interaction": "x", "kind": "thumb", "value": 1.0}
    times = {"at": NOW, "received": NOW}
    entries = [(OPENED, opening("x")), (CLOSED, opening("x")), (FEEDBACK, {**said, **times})]
    path = write(tmp_path / "spool" / "1.spool", *entries, (FEEDBACK, {**said, **times}))
    kept = path.read_bytes()
    with Store(tmp_path) as store:
        take_up(store, tmp_path / "spool")
        path.write_bytes(kept)
        again = take_up(store, tmp_path / "spool")
        assert (again.recorded, again.opened) == (0, 0)
        assert len(states(store)) == 1
        assert len(list(read_feedback(store))) == 1
        assert traffic_ledger(store).balances


@pytest.mark.parametrize("place", [0, 1, 8, 9, 40])
def test_damage_anywhere_loses_only_what_is_behind_it(tmp_path: Path, place: int) -> None:
    whole = write(tmp_path / "a.spool", (OPENED, opening("x")), (CLOSED, opening("x")))
    data = bytearray(whole.read_bytes())
    first = len(frame(OPENED, orjson.dumps(opening("x"))))
    data[first + place] ^= 0xFF
    whole.write_bytes(bytes(data))
    found = read_frames(whole)
    assert [each.kind for each in found.frames] == [OPENED]
    assert found.lost_bytes == len(data) - first


def test_a_file_in_use_is_left_alone(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        spool = Spool(tmp_path / "spool", mask=lambda record: record)
        spool.opened("x", opening("x"))
        await spool.closed("x", lambda: opening("x")).synced
        assert take_up(store, tmp_path / "spool").files == 0
        await asyncio.to_thread(spool.stop)
        assert take_up(store, tmp_path / "spool").recorded == 1

    with Store(tmp_path) as store:
        asyncio.run(work(store))


def test_a_full_disk_is_told_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    full = [False]

    def fake(handle: int, data: bytes) -> int:
        if full[0]:
            real(handle, data[:3])
            raise OSError(28, "No space left on device")
        return real(handle, data)

    monkeypatch.setattr("tunewell.gateway.spool.os.write", fake)

    async def work() -> None:
        spool = Spool(tmp_path / "spool", mask=lambda record: record)
        spool.opened("before", opening("before"))
        await spool.closed("before", lambda: opening("before")).synced
        spool.opened("during", opening("during"))
        while not spool.counts.waiting:
            await asyncio.sleep(0.01)
        full[0] = True
        receipt = spool.closed("during", lambda: opening("during"))
        assert not await receipt.synced
        spool.opened("never", opening("never"))
        assert not await spool.closed("never", lambda: opening("never")).written
        assert spool.counts.failure == "No space left on device"
        full[0] = False
        spool.opened("after", opening("after"))
        assert await spool.closed("after", lambda: opening("after")).synced
        assert spool.counts.failure == ""
        await asyncio.to_thread(spool.stop)

    asyncio.run(work())
    with Store(tmp_path) as store:
        take_up(store, tmp_path / "spool")
        found = traffic_ledger(store)
        assert set(states(store)) == {"before", "after"}
        assert (found.accepted, found.recorded, found.refused) == (4, 2, 2)
        assert found.lost_bytes == 0


def test_what_is_owed_when_a_file_ends_is_carried_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full when a record comes, and has room for an end, but for no other word."""
    real = os.write
    refused = [False]

    def fake(handle: int, data: bytes) -> int:
        if refused[0] and data[:1] in (CLOSED, REFUSED):
            raise OSError(28, "No space left on device")
        return real(handle, data)

    monkeypatch.setattr("tunewell.gateway.spool.os.write", fake)
    monkeypatch.setattr("tunewell.gateway.spool.OLD_S", 0.1)

    async def work() -> None:
        spool = Spool(tmp_path / "spool", mask=lambda record: record)
        spool.opened("x", opening("x"))
        while not spool.counts.waiting:
            await asyncio.sleep(0.01)
        refused[0] = True
        assert not await spool.closed("x", lambda: opening("x")).synced
        while len(spool_files(tmp_path / "spool")) < 2:
            await asyncio.sleep(0.02)
        refused[0] = False
        await asyncio.to_thread(spool.stop)

    asyncio.run(work())
    with Store(tmp_path) as store:
        take_up(store, tmp_path / "spool")
        found = traffic_ledger(store)
        assert (found.accepted, found.unconfirmed, found.refused) == (1, 0, 1)
        assert found.balances


def test_a_record_that_cannot_be_made_spoils_no_other(tmp_path: Path) -> None:
    def impossible() -> dict[str, Any]:
        raise RecursionError

    async def work() -> None:
        spool = Spool(tmp_path / "spool", mask=lambda record: record)
        for id in ("x", "y"):
            spool.opened(id, opening(id))
        assert not await spool.closed("x", impossible).synced
        assert await spool.closed("y", lambda: opening("y")).synced
        await asyncio.to_thread(spool.stop)

    asyncio.run(work())
    with Store(tmp_path) as store:
        take_up(store, tmp_path / "spool")
        assert states(store) == {"y": "recorded"}
        assert traffic_ledger(store).refused == 1


def test_a_killed_process_has_written_what_it_said_it_had(tmp_path: Path) -> None:
    code = textwrap.dedent(f"""
        import asyncio, os, signal, sys
        from pathlib import Path
        from tunewell.gateway.spool import Spool
        async def main():
            spool = Spool(Path({str(tmp_path / "spool")!r}), mask=lambda record: record)
            for number in range(40):
                value = {{"id": f"x{{number}}", "at": {NOW!r}, "assigned": "a"}}
                spool.opened(value["id"], value)
                if number < 30:
                    await spool.closed(value["id"], lambda value=value: value).written
                    print(value["id"], flush=True)
            await asyncio.sleep(1.0)
            os.kill(os.getpid(), signal.SIGKILL)
        asyncio.run(main())
    """)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == -signal.SIGKILL
    written = set(run.stdout.split())
    with Store(tmp_path) as store:
        take_up(store, tmp_path / "spool")
        found = states(store)
        assert {id for id, state in found.items() if state == "recorded"} == written
        assert traffic_ledger(store).unconfirmed == 10
        assert traffic_ledger(store).balances


def test_ids_sort_by_time_and_do_not_repeat() -> None:
    ids = [new_id(1_700_000_000 + number) for number in range(50)]
    assert ids == sorted(ids)
    assert len({new_id(1.0) for _ in range(1_000)}) == 1_000
