"""Passwords as Argon2 hashes, made by two processes of their own.

A hash takes 64 MiB and tens of milliseconds. Two at a time, behind everything else that the machine
does: strangers who try passwords slow down each other, not those who are signed in. Processes, not
threads: a thread that stands back while it holds the interpreter's lock holds everybody up.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

from tunewell.errors import InternalError, MissingExtraError, UserError
from tunewell.people.names import name_key

SHORTEST_PASSWORD = 10
FEWEST_DIFFERENT = 4
"""A password of fewer different characters is no better than a blank one."""

AT_ONCE = 2
"""Hashes under way at any time."""

NICENESS = 10
"""How far the processes that hash stand back (0 … 19)."""


@dataclass(frozen=True)
class HashCost:
    """What one hash takes.

    Attributes:
        passes: Over its memory.
        memory_kib: KiB of memory.
        niceness: How far the process that hashes stands back (0 … 19).
    """

    passes: int = 3
    memory_kib: int = 64 * 1024
    niceness: int = NICENESS


HASH_COST = HashCost()
"""The second recommendation of RFC 9106, section 4; tests hash at less (`tunewell.testing`)."""

_WORKER = """
import json, os, secrets, sys
passes, memory_kib, niceness = map(int, sys.argv[1:])
os.nice(niceness)
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
# One lane each: two hashes must not take more than two cores.
argon2 = Argon2Hasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
hasher = PasswordHash((argon2,))
decoy = hasher.hash(secrets.token_urlsafe(16))
for line in sys.stdin:
    asked = json.loads(line)
    if asked["to"] == "hash":
        answer = hasher.hash(asked["password"])
    else:
        # As slow where nothing was kept, so that time does not tell which names exist.
        kept = asked["kept"]
        answer = hasher.verify(asked["password"], kept or decoy) and kept is not None
    print(json.dumps(answer), flush=True)
"""


def check_password(password: str) -> None:
    """Refuse passwords that protect nothing.

    Raises:
        UserError: It is too short, blank, or one character over and over.
    """
    length = len(name_key(password).replace(" ", ""))
    if length < SHORTEST_PASSWORD:
        raise UserError(
            f"the password has {length} characters that count, "
            f"at least {SHORTEST_PASSWORD} are needed",
            hint="blanks do not count",
        )
    if len(set(password)) < FEWEST_DIFFERENT:
        raise UserError(
            f"the password has fewer than {FEWEST_DIFFERENT} different characters",
            hint="choose another one",
        )


def hash_password(password: str) -> str:
    """The hash to keep.

    Raises:
        UserError: The password is too short or blank.
        MissingExtraError: pwdlib is not installed.
    """
    check_password(password)
    return str(_submit({"to": "hash", "password": password}).result())


def password_matches(password: str, kept: str | None) -> bool:
    """Whether a password is the one that was kept; as slow where nothing was kept."""
    return matching(password, kept).result()


def matching(password: str, kept: str | None) -> Future[bool]:
    """As `password_matches`, without waiting for the answer.

    Raises:
        MissingExtraError: pwdlib is not installed.
    """
    return _submit({"to": "verify", "password": password, "kept": kept})


def _submit(asked: Mapping[str, str | None]) -> Future[Any]:
    if find_spec("pwdlib") is None:
        raise MissingExtraError("web", needed_for="signing in")
    # Lone surrogates travel as escapes.
    return _pool().submit(_ask, json.dumps(asked))


@cache
def _pool() -> ThreadPoolExecutor:
    """Threads that only wait, each for a process of its own."""
    return ThreadPoolExecutor(AT_ONCE, "passwords")


_own = threading.local()
_workers: list[subprocess.Popen[str]] = []


def _ask(line: str) -> Any:
    """Have this thread's process answer; a new one if the one before has ended."""
    for _ in range(2):
        worker = getattr(_own, "worker", None) or _started()
        _own.worker = worker
        assert worker.stdin is not None
        assert worker.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            worker.stdin.write(line + "\n")
            worker.stdin.flush()
            return json.loads(worker.stdout.readline())
        _own.worker = None
    raise InternalError("the process that hashes passwords has ended twice")


def _started() -> subprocess.Popen[str]:
    """A process that ends with this one: nobody but us can write to it.

    ``-P``: nothing is imported from the folder that we are in.
    """
    cost = [HASH_COST.passes, HASH_COST.memory_kib, HASH_COST.niceness]
    worker = subprocess.Popen(
        [sys.executable, "-P", "-c", _WORKER, *map(str, cost)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    _workers.append(worker)
    return worker


@atexit.register
def _end_workers() -> None:
    for worker in _workers:
        worker.kill()
        worker.communicate()
