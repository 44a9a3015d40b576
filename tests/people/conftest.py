"""A store on SQLite, and on a real PostgreSQL where the machine has its server's programs."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tunewell.store import Store


def _binaries() -> Path | None:
    for name in ("pg_config", "initdb"):
        found = shutil.which(name)
        if found:
            folder = Path(found).parent
            if name == "pg_config":
                done = subprocess.run([found, "--bindir"], capture_output=True, text=True, check=True)
                folder = Path(done.stdout.strip())
            if (folder / "initdb").exists() and (folder / "postgres").exists():
                return folder
    return None


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a server of our own behind a socket; the last part, the database, is left to fill in."""
    pytest.importorskip("psycopg", reason="PostgreSQL's driver is not installed: pip install 'tunewell[postgres]'")
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server on this machine (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="tw"))
    user: dict[str, object] = {}
    if os.getuid() == 0:  # the server refuses to run as root
        names = {p.pw_name for p in pwd.getpwall()}
        who = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
        os.chown(folder, who.pw_uid, who.pw_gid)
        user = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}

    def run(*command: str) -> None:
        subprocess.run([str(binaries / command[0]), *command[1:]], cwd=folder, check=True, capture_output=True, **user)  # type: ignore[call-overload]

    run("initdb", "-D", "data", "-U", "tw", "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8")
    run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", f"-c listen_addresses='' -k {folder} -F", "start")
    try:
        yield f"postgresql+psycopg://tw@/%s?host={folder}"
    finally:
        run("pg_ctl", "-D", "data", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    url = ""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres")
        name = f"t{uuid.uuid4().hex[:12]}"
        engine = sa.create_engine(server % "postgres", isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        engine.dispose()
        url = server % name
    found = Store(tmp_path, url=url)
    yield found
    found.close()
