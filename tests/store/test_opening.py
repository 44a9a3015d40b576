"""Opening a project: alone, whole or not at all, and never a new database beside old artifacts."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.people import conftest
from tunewell.errors import StoreError
from tunewell.store import Store
from tunewell.store.tables import HEAD

OPEN = """
import sys
from pathlib import Path
from tunewell.store import Store
with Store(Path(sys.argv[1])) as store:
    store.say("opened", "x", author=sys.argv[2])
"""


def opening(folder: Path, name: str = "n") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OPEN, str(folder), name], stderr=subprocess.PIPE, text=True
    )


def test_three_processes_open_a_new_project_at_once(tmp_path: Path) -> None:
    for turn in range(2):
        folder = tmp_path / str(turn)
        folder.mkdir()
        started = [opening(folder, str(n)) for n in range(3)]
        for process in started:
            _, problem = process.communicate(timeout=60)
            assert process.returncode == 0, problem
        with Store(folder) as store:
            assert sorted(event.author for event in store.said("opened")) == ["0", "1", "2"]
            assert store.check_ledger().faults == ()


def test_a_kill_in_the_first_opening_leaves_a_project_that_opens(tmp_path: Path) -> None:
    """Killed while tables are made, later and later; full size: bench/web/migration_kills.py."""
    killed = 0
    for turn in range(8):
        folder = tmp_path / str(turn)
        folder.mkdir()
        process = opening(folder)
        log = folder / ".tunewell" / "tunewell.db-wal"
        while process.poll() is None and not log.exists():
            time.sleep(0.0005)
        time.sleep(0.004 * turn)
        process.send_signal(signal.SIGKILL)
        _, _ = process.communicate()
        killed += process.returncode == -signal.SIGKILL
        with Store(folder) as store:
            store.say("opened", "x", author="after")
            assert store.check_ledger().faults == ()
    assert killed >= 4


def test_an_emptied_database_beside_artifacts_is_no_new_project(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.put_value({"kept": True})
    for ending in ("", "-wal", "-shm"):
        Path(f"{tmp_path}/.tunewell/tunewell.db{ending}").unlink(missing_ok=True)
    with pytest.raises(StoreError, match="its folder holds 1 artifact of earlier runs"):
        Store(tmp_path)
    (tmp_path / ".tunewell" / "tunewell.db").touch()
    with pytest.raises(StoreError, match="holds 1 artifact of earlier runs"):
        Store(tmp_path)


def test_the_folder_is_its_owners_alone(tmp_path: Path) -> None:
    Store(tmp_path).close()
    folder = tmp_path / ".tunewell"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    Store(tmp_path).close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_older_store_is_brought_up_with_its_rows_in_the_ledger(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.say("approval", "d", author="owner")
        with store._engine.begin() as connection:
            from alembic import command
            from alembic.config import Config

            import tunewell.store as room

            config = Config()
            folder = Path(room.__file__).parent / "migrations"
            config.set_main_option("script_location", str(folder))
            config.attributes["connection"] = connection
            command.downgrade(config, "0003")
    with sqlite3.connect(tmp_path / ".tunewell" / "tunewell.db") as db:
        assert db.execute("SELECT version_num FROM alembic_version").fetchone() == ("0003",)
    db.close()
    with Store(tmp_path) as store:
        assert store.check_ledger().entries == 1
        assert store.check_ledger().faults == ()
    assert HEAD == "0007"


def test_runs_are_in_the_order_in_which_they_began_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datetime as dt

    from tunewell.lineage import record

    class Clock(dt.datetime):
        hours = 5

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Clock:
            cls.hours -= 1
            return cls(2026, 1, 1, cls.hours, tzinfo=tz)

    monkeypatch.setattr("tunewell.lineage.dt.datetime", Clock)
    with Store(tmp_path) as store:
        for n in range(3):
            with record(store, "curate", inputs={}, parameters={"n": n}):
                pass
        assert [run.parameters["n"] for run in store.runs(stage="curate")] == [0, 1, 2]
        last = store.last_run("curate")
        assert last is not None
        assert last.parameters["n"] == 2


def test_a_locked_database_is_said_and_not_waited_for_without_end(tmp_path: Path) -> None:
    with Store(tmp_path, patience_s=0.3) as store:
        other = sqlite3.connect(store.root / "tunewell.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        with pytest.raises(StoreError, match="locked"):
            store.say("x", "y", author="z")
        assert time.monotonic() - started < 5
        other.execute("ROLLBACK")
        other.close()
        store.say("x", "y", author="z")
    assert os.path.exists(tmp_path)


def test_a_project_that_moves_to_another_empty_database_is_refused_each_time(
    tmp_path: Path, postgres: str
) -> None:
    """Its runs are in SQLite: the second database would begin without them, beside their files."""
    with Store(tmp_path) as store:
        store.put_value({"kept": True})
    name = "moved"
    conftest._create(postgres, name)
    for _ in range(2):
        with pytest.raises(StoreError, match="1 artifact of earlier runs") as caught:
            Store(tmp_path, url=postgres % name)
        assert "tunewell.db (leave the database's URL out)" in caught.value.hint
    with Store(tmp_path) as store:
        assert store.get_value(store.put_value({"kept": True}), dict) == {"kept": True}


def test_a_project_that_began_in_one_database_is_not_continued_in_another(
    tmp_path: Path, postgres: str
) -> None:
    conftest._create(postgres, "first")
    conftest._create(postgres, "second")
    with Store(tmp_path, url=postgres % "first") as store:
        store.put_value({"kept": True})
    for url in (postgres % "second", ""):
        with pytest.raises(StoreError, match="1 artifact of earlier runs") as caught:
            Store(tmp_path, url=url)
        assert "the URL that the project began with" in caught.value.hint
    Store(tmp_path, url=postgres % "first").close()
