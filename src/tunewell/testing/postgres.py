"""A PostgreSQL server of one's own for a test or a benchmark, from the programs of the machine."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path


def postgres_programs() -> Path | None:
    """The folder with ``initdb`` and ``postgres``; None where no server is installed."""
    for name in ("pg_config", "initdb"):
        found = shutil.which(name)
        if found:
            folder = Path(found).parent
            if name == "pg_config":
                done = subprocess.run(
                    [found, "--bindir"], capture_output=True, text=True, check=True
                )
                folder = Path(done.stdout.strip())
            if (folder / "initdb").exists() and (folder / "postgres").exists():
                return folder
    return None


ROOM = 2 << 30
"""Bytes of memory that are kept free for a server whose files lie there."""


def _in_memory() -> str | None:
    """A folder whose files lie in memory, where the system has one with room; else None."""
    folder = Path("/dev/shm")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return None
    return str(folder) if shutil.disk_usage(folder).free >= ROOM else None


@contextlib.contextmanager
def postgres_server(programs: Path, *, durable: bool = False) -> Iterator[str]:
    """A server behind a socket; gives its URL with ``%s`` in the place of the database.

    Args:
        programs: As `postgres_programs` gives it.
        durable: Whether commits wait for the disk, as in use; tests need not.
    """
    folder = Path(tempfile.mkdtemp(prefix="tw", dir=None if durable else _in_memory()))
    user: dict[str, object] = {}
    if os.getuid() == 0:  # the server refuses to run as root
        names = {p.pw_name for p in pwd.getpwall()}
        who = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
        os.chown(folder, who.pw_uid, who.pw_gid)
        user = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}

    def run(*command: str) -> None:
        subprocess.run(
            [str(programs / command[0]), *command[1:]],
            cwd=folder,
            check=True,
            capture_output=True,
            **user,
        )  # type: ignore[call-overload]

    options = f"-c listen_addresses='' -k {folder}" + ("" if durable else " -F")
    run("initdb", "-D", "data", "-U", "tw", "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8")
    run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")
    try:
        yield f"postgresql+psycopg://tw@/%s?host={folder}"
    finally:
        run("pg_ctl", "-D", "data", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
