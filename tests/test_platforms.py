"""macOS and Windows, by simulation of what differs: modules and functions that they lack."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tunewell
from tunewell import platforms

ELSEWHERE = """
import builtins, fcntl, os, sys, types

def locking(handle, mode, count):
    fcntl.flock(handle, fcntl.LOCK_EX | (fcntl.LOCK_NB if mode == 2 else 0))

LACKING = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "posix"}
for name in ("sched_getaffinity", "getuid", "geteuid", "getgid", "fork", "killpg", "pwrite"):
    if hasattr(os, name):
        delattr(os, name)
original = builtins.__import__

def without(name, globals=None, *rest, **named):
    asker = (globals or {}).get("__name__", "")
    if asker.startswith("tunewell") and name.partition(".")[0] in LACKING:
        raise ImportError(f"{name} is not on this system (asked for by {asker})")
    return original(name, globals, *rest, **named)

builtins.__import__ = without
import importlib
find = importlib.import_module

def lacking(name, package=None):
    if name in LACKING:
        raise ImportError(name)
    if name == "msvcrt":
        return types.SimpleNamespace(LK_LOCK=1, LK_NBLCK=2, locking=locking)
    return find(name, package)

importlib.import_module = lacking
"""
USE = """
import pathlib, sys, tempfile
import tunewell as tw
from tunewell.cli.main import main
from tunewell.installation import check_installation
from tunewell.store import Store
rows = [{"prompt": f"Which form for {n}?", "completion": f"The form {n}."} for n in "abcdefg"]
assert tw.doctor(rows).rows == 7
assert "fails" not in {check.state for check in check_installation()}
with tempfile.TemporaryDirectory() as folder:
    with Store(pathlib.Path(folder)) as store, store.lock("a test"):
        store.say("look", "x", author="a", record={})
        assert store.holder().startswith("process")
    assert main(["--version"]) == 0
print("used")
"""
ROOMS = """
import importlib, pkgutil
import tunewell
broken = []
def ours(name):
    return not name.startswith("tunewell.testing")
for found in pkgutil.walk_packages(tunewell.__path__, "tunewell.", onerror=lambda name: None):
    if ours(found.name) and not found.name.endswith("__main__") and ".migrations" not in found.name:
        try:
            importlib.import_module(found.name)
        except ImportError as error:
            broken.append(f"{found.name}: {error}")
print(broken)
"""


def elsewhere(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ELSEWHERE + code],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().splitlines()[-1]


def test_data_are_checked_and_stored_without_what_only_linux_has() -> None:
    assert elsewhere(USE) == "used"


@pytest.mark.slow
def test_every_module_can_be_imported_without_what_only_linux_has() -> None:
    assert elsewhere(ROOMS) == "[]"


def test_only_one_file_imports_what_only_some_systems_have() -> None:
    package = Path(tunewell.__file__).parent
    only_some = ("import fcntl", "import pwd", "import termios", "import msvcrt", "import grp")
    for file in package.rglob("*.py"):
        name = file.relative_to(package).as_posix()
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
        if not name.startswith("testing/"):
            assert not set(only_some) & set(lines), name


def test_a_lock_is_one_lock_and_goes_with_its_handle(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first = os.open(path, os.O_RDWR | os.O_CREAT)
    second = os.open(path, os.O_RDWR)
    assert platforms.lock_file(first)
    assert not platforms.lock_file(second, wait=False)
    waited = threading.Thread(target=platforms.lock_file, args=(second,))
    waited.start()
    os.close(first)
    waited.join(timeout=30)
    assert not waited.is_alive()
    os.close(second)


def test_windows_locks_a_byte_far_behind_what_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[tuple[int, int]] = []
    busy = [True, True, False]

    def locking(handle: int, mode: int, count: int) -> None:
        places.append((os.lseek(handle, 0, os.SEEK_CUR), mode))
        if busy.pop(0):
            raise OSError("locked by another process")

    fake = SimpleNamespace(LK_LOCK=1, LK_NBLCK=2, locking=locking)
    modules: dict[str, Any] = {"fcntl": None, "msvcrt": fake}
    monkeypatch.setattr(platforms, "_module", modules.get)
    handle = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    os.write(handle, b"holder")
    assert not platforms.lock_file(handle, wait=False)
    assert platforms.lock_file(handle)
    assert places == [(1 << 30, 2), (1 << 30, 1), (1 << 30, 1)]
    assert os.lseek(handle, 0, os.SEEK_CUR) == 6
    platforms.write_at_start(handle, b"new")
    os.close(handle)
    assert (tmp_path / "lock").read_bytes() == b"new"


def test_what_a_system_does_not_say_has_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert platforms.processors() >= 1
    assert platforms.peak_memory_bytes() > 0
    monkeypatch.setattr(platforms, "_module", lambda _: None)
    monkeypatch.setattr(os, "getlogin", lambda: "ann")
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.delattr(os, "geteuid")
    assert platforms.peak_memory_bytes() == 0
    assert platforms.login_name() == "ann"
    assert platforms.processors() >= 1
    assert platforms.owns(12345)
