"""What Linux, macOS and Windows do differently: locks, users, processors.

Nothing else of Tunewell imports what only one of them has.
"""

from __future__ import annotations

import importlib
import os
import platform
from pathlib import Path
from typing import Any, Final

_LOCKED_BYTE: Final = 1 << 30
"""Windows locks bytes, not files: one far behind what is written, so that all may read that."""


def _module(name: str) -> Any:
    """A module that not every system has; None where it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def lock_file(handle: int, *, wait: bool = True, shared: bool = False) -> bool:
    """Lock an open file until it is closed or its process ends; gives whether that was possible.

    Args:
        handle: File descriptor.
        wait: Whether to wait for another holder; without it the answer comes at once.
        shared: Whether others may hold it too, if all want to share it (not on Windows).
    """
    posix = _module("fcntl")
    if posix is None:
        return _lock_byte(handle, wait=wait)
    kind = posix.LOCK_SH if shared else posix.LOCK_EX
    try:
        posix.flock(handle, kind if wait else kind | posix.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_byte(handle: int, *, wait: bool) -> bool:
    windows = _module("msvcrt")
    place = os.lseek(handle, 0, os.SEEK_CUR)
    os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
    try:
        while True:
            try:
                # Waits ten seconds by itself where it may wait.
                windows.locking(handle, windows.LK_LOCK if wait else windows.LK_NBLCK, 1)
            except OSError:
                if not wait:
                    return False
            else:
                return True
    finally:
        os.lseek(handle, place, os.SEEK_SET)


def write_at_start(handle: int, content: bytes) -> None:
    """Replace what an open file holds."""
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, content)


def processors() -> int:
    """How many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def processor_name() -> str:
    """What the processor calls itself; empty where the system does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor()


def peak_memory_bytes() -> int:
    """The most memory that this process has used; 0 where the system does not say."""
    usage = _module("resource")
    if usage is None:
        return 0
    return int(usage.getrusage(usage.RUSAGE_SELF).ru_maxrss) * 1024


def login_name() -> str:
    """Who is logged in on this machine, whatever the environment says.

    Example:
        >>> bool(login_name())
        True
    """
    users = _module("pwd")
    if users is None:
        return os.getlogin()
    try:
        return str(users.getpwuid(os.getuid()).pw_name)
    except KeyError:
        return f"user {os.getuid()}"


def owns(user: int) -> bool:
    """Whether a file of a user's number is this process's own; Windows has no such numbers."""
    number = getattr(os, "geteuid", None)
    return number is None or user == number()
