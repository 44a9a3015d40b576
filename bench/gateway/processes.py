"""A server, a pass-through and a gateway as processes of their own, and what each has used."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tunewell.gateway.control import make_key
from tunewell.store import Store

TICKS = os.sysconf("SC_CLK_TCK")
GATEWAY = int(os.environ.get("GATEWAY_PORT", "8791"))
SERVER = GATEWAY + 1
PASS_THROUGH = GATEWAY + 2

DEFINITION = """
version: 1
task:
  name: bench
  about: answers questions of customers
  input: a question
  output: an answer
data: [{{path: rows.jsonl}}]
gateway:
  servers: [{{name: one, url: "http://127.0.0.1:{server}/v1"}}]
  arms: [{{name: a, server: one, model: m-a}}, {{name: b, server: one, model: m-b}}]
  fallback: a
  {more}
"""


@dataclass
class Measured:
    """A process that is measured."""

    process: subprocess.Popen[bytes]

    @property
    def cpu_s(self) -> float:
        """Processor seconds, of the user and the system."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def resident_mb(self) -> float:
        """Memory in use."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


def make_project(folder: Path, *, server: int = SERVER, more: str = "") -> str:
    """A project with a gateway before a server; gives the secret of a key for everything."""
    (folder / "rows.jsonl").write_text('{"prompt": "a", "completion": "b"}\n', encoding="utf-8")
    text = DEFINITION.format(server=server, more=more)
    (folder / "tunewell.yaml").write_text(text, encoding="utf-8")
    with Store(folder) as store:
        return make_key(store, "bench", ["user", "feedback", "admin"], author="bench")


@contextlib.contextmanager
def serving(*command: str, port: int, env: dict[str, str] | None = None) -> Iterator[Measured]:
    """A process that listens, ended afterwards."""
    process = subprocess.Popen([sys.executable, *command], env={**os.environ, **(env or {})})
    try:
        _wait_for(port)
        yield Measured(process)
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(port: int) -> None:
    for _ in range(2400):
        with contextlib.suppress(URLError, ConnectionError, OSError):
            urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1)
            return
        with contextlib.suppress(OSError):
            import socket

            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on {port}")


def gateway(folder: Path) -> contextlib.AbstractContextManager[Measured]:
    """The gateway of a project."""
    file = str(folder / "tunewell.yaml")
    return serving("-m", "tunewell.gateway.serving", file, "127.0.0.1", str(GATEWAY), port=GATEWAY)


def server() -> contextlib.AbstractContextManager[Measured]:
    """The server behind it."""
    return serving("-m", "bench.gateway.processes", "server", port=SERVER)


def pass_through() -> contextlib.AbstractContextManager[Measured]:
    """The least that a proxy can do: bytes in, bytes out."""
    return serving("-m", "bench.gateway.processes", "pass", port=PASS_THROUGH)


async def _serve() -> None:
    from tunewell.testing.model_server import SocketModelServer

    pause = float(os.environ.get("PAUSE_S", "0.005"))
    from tunewell.testing.model_server import SocketFault

    fault = SocketFault(pause_s=pause)
    await SocketModelServer(keep=False, fault=lambda body: fault).start(SERVER)
    await asyncio.Event().wait()


async def _pass() -> None:
    free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lower = head.lower()
                at = lower.find(b"content-length:")
                length = int(lower[at + 15 : lower.find(b"\r\n", at)]) if at >= 0 else 0
                body = await reader.readexactly(length)
                up = free.pop() if free else await asyncio.open_connection("127.0.0.1", SERVER)
                up[1].write(head + body)
                tail = b""
                while not tail.endswith(b"0\r\n\r\n"):
                    data = await up[0].read(65536)
                    if not data:
                        return
                    writer.write(data)
                    tail = (tail + data)[-5:]
                free.append(up)
        writer.close()

    await asyncio.start_server(talk, "127.0.0.1", PASS_THROUGH, backlog=4096)
    await asyncio.Event().wait()


@contextlib.contextmanager
def bench_folder() -> Iterator[Path]:
    """A folder for a project, removed afterwards."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


if __name__ == "__main__":
    asyncio.run(_serve() if sys.argv[1] == "server" else _pass())
