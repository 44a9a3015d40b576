"""The real gateway of the live demo, before a server that replays answers and one that makes them.

The gateway is a process of its own, as ``tunewell gateway serve`` starts it, with its spool and the
process that carries records to the database; the embedded model is served by ``tunewell model
serve``. Answers of the version in production are recorded beforehand and replayed.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from tunewell.demo.areas import AreaQuestion
from tunewell.errors import UserError
from tunewell.gateway.control import make_key, read_state, revoke_key
from tunewell.gateway.keep import traffic_ledger
from tunewell.store import Store
from tunewell.testing.model_server import SocketModelServer

START_S: Final = 240.0
"""A gateway starts within seconds; a busy machine takes longer."""

CARRY_S: Final = 240.0
AT_ONCE: Final = 12

KEY: Final = "live"

EMBEDDED: Final = "embedded"
"""Arm, and user, of the questions that the embedded model answers."""

GATEWAY: Final = """\
gateway:
  servers:
    - {{name: recorded, url: "http://127.0.0.1:{recorded}/v1"}}
    - {{name: embedded, url: "http://127.0.0.1:{embedded}/v1", timeout_s: 600}}
  arms:
    - {{name: recorded, server: recorded, place: production}}
    - {{name: embedded, server: embedded, model: {base}, weight: 0, only: [embedded]}}
"""


@dataclass(frozen=True)
class Ports:
    """Where the three servers of a replay listen on this machine.

    Attributes:
        gateway: Of the gateway.
        recorded: Of the recorded answers.
        embedded: Of the embedded model.
    """

    gateway: int
    recorded: int
    embedded: int

    @classmethod
    def free(cls) -> Ports:
        """Three ports that nobody listens on."""
        with contextlib.ExitStack() as stack:
            held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
            return cls(*(each.getsockname()[1] for each in held))


@contextlib.contextmanager
def served(command: Sequence[str], port: int) -> Iterator[None]:
    """A process that listens on a port, ended afterwards.

    Raises:
        UserError: It does not listen within four minutes, or ends at once.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(process, port)
        yield
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
        process.kill()


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), timeout=1),
        ):
            return
        time.sleep(0.1)
    raise UserError(f"{process.args!r} does not listen on port {port}", hint="run it by itself")


def _new_key(store: Store) -> str:
    """A key of this start: the secret of an earlier one is kept nowhere."""
    if any(key.name == KEY for key in read_state(store).keys):
        revoke_key(store, KEY, author="demo")
    return make_key(store, KEY, ["user", "feedback"], author="demo")


class LiveGateway:
    """Asks questions through a project's gateway, and says what came of the answers.

    Args:
        store: Of the project; its definition has a gateway.
        ports: Where everything listens.
        recorded: The recorded answer to a request's body.
    """

    def __init__(
        self,
        store: Store,
        ports: Ports,
        recorded: Callable[[dict[str, Any]], str],
    ) -> None:
        self._store = store
        self._url = f"http://127.0.0.1:{ports.gateway}/v1"
        self._ports = ports
        self._server = SocketModelServer(text=recorded, keep=False)
        self._key = _new_key(store)
        self._process = contextlib.ExitStack()

    async def __aenter__(self) -> Self:
        await self._server.start(self._ports.recorded)
        file = str(self._store.root.parent / "tunewell.yaml")
        command = ["tunewell.gateway.serving", file, "127.0.0.1", str(self._ports.gateway)]
        await asyncio.to_thread(
            self._process.enter_context,
            served(command, self._ports.gateway),
        )
        headers = {"authorization": f"Bearer {self._key}"}
        timeout = aiohttp.ClientTimeout(total=900)
        self._session = aiohttp.ClientSession(headers=headers, timeout=timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()
        await asyncio.to_thread(self._process.close)
        await self._server.stop()

    async def ask_all(self, rows: Iterable[AreaQuestion], areas: Sequence[str]) -> None:
        """Ask what was asked, and say of each answer whether its asker chose that area."""
        await self._each(rows, lambda row: self._ask_and_say(row, areas))

    async def ask_embedded(self, rows: Iterable[AreaQuestion], areas: Sequence[str]) -> None:
        """Ask the embedded model."""
        await self._each(rows, lambda row: self._ask(row, areas, user=EMBEDDED))

    async def _each(
        self,
        rows: Iterable[AreaQuestion],
        work: Callable[[AreaQuestion], Coroutine[Any, Any, object]],
    ) -> None:
        # Workers share the iterator: between its steps nothing is awaited.
        left = iter(rows)

        async def worker() -> None:
            for row in left:
                await work(row)

        await asyncio.gather(*[worker() for _ in range(AT_ONCE)])

    async def _ask_and_say(self, row: AreaQuestion, areas: Sequence[str]) -> None:
        about, answer = await self._ask(row, areas, user=f"asker {row.id}")
        if not row.area:
            return
        right = answer == row.area
        rating = {"kind": "rating", "name": "right", "value": int(right)}
        await self._say(row, about, rating)
        if not right:
            await self._say(row, about, {"kind": "correction", "text": row.area})

    async def _ask(self, row: AreaQuestion, areas: Sequence[str], *, user: str) -> tuple[str, str]:
        """The id of the interaction, and the answer."""
        about = f"Name the area of the question: {', '.join(areas)}. Answer with the area alone."
        turns = [{"role": "system", "content": about}, {"role": "user", "content": row.text}]
        body = {
            "model": "any",
            "user": user,
            "messages": turns,
            "max_tokens": 8,
            "temperature": 0,
            "metadata": {"question": row.id},
        }
        async with self._session.post(f"{self._url}/chat/completions", json=body) as answer:
            said = await answer.json()
            if answer.status != 200:
                raise UserError(f"the gateway answered with {answer.status}: {said}")
            return answer.headers["x-tunewell-id"], said["choices"][0]["message"]["content"]

    async def _say(self, row: AreaQuestion, about: str, said: dict[str, Any]) -> None:
        body = {"interaction": about, **said}
        headers = {"idempotency-key": f"{row.id}-{said['kind']}"}
        url = f"{self._url}/feedback"
        async with self._session.post(url, json=body, headers=headers) as answer:
            if answer.status != 202:
                raise UserError(f"the gateway did not take feedback: {await answer.text()}")

    async def carried_over(self, asked: int) -> None:
        """Wait until the database has so many requests, and the feedback on them.

        Raises:
            UserError: It has not after four minutes.
        """
        until = time.monotonic() + CARRY_S
        while time.monotonic() < until:
            ledger = traffic_ledger(self._store)
            if ledger.recorded >= asked and ledger.balances:
                # Feedback is carried over with the records behind it.
                await asyncio.sleep(1.5)
                return
            await asyncio.sleep(0.3)
        raise UserError("the gateway's records do not reach the database", hint="tunewell status")
