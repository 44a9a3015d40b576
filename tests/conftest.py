"""For all tests: one PostgreSQL server, passwords at next to no cost, a limit on hanging."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tunewell.testing.passwords import cheap_passwords
from tunewell.testing.postgres import postgres_programs, postgres_server

if "PYTEST_XDIST_WORKER" in os.environ:
    # Processes that share the cores do not also share each of them out among threads. PyTorch reads
    # this when it is first imported, here and in the programs that tests start.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("tunewell", deadline=None)
settings.load_profile("tunewell")

SLOW_TEST_LIMIT_SECONDS = 3600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the slow tests a longer limit than the one in `pyproject.toml`."""
    for item in items:
        if item.get_closest_marker("slow") is not None:
            item.add_marker(pytest.mark.timeout(SLOW_TEST_LIMIT_SECONDS))


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    with cheap_passwords():
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a server of our own behind a socket.

    The last part, the database, is left to fill in.
    """
    pytest.importorskip(
        "psycopg", reason="PostgreSQL's driver is not installed: pip install 'tunewell[postgres]'"
    )
    programs = postgres_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server on this machine (apt-get install postgresql)")
    with postgres_server(programs) as url:
        yield url
