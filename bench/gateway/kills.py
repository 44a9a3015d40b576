"""Kills of the gateway under load: no answer that a client had whole is lost or doubled.

`python -m bench gateway/kills`; KILLS (20), RATE (100 streams a second), BETWEEN_S (3).
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from bench.gateway.processes import (
    GATEWAY,
    Measured,
    bench_folder,
    gateway,
    make_project,
    server,
)
from bench.machine import keep
from tunewell.gateway.keep import traffic_ledger
from tunewell.gateway.places import spool_folder
from tunewell.gateway.spool import spool_files
from tunewell.gateway.tending import drain_project
from tunewell.store import Store
from tunewell.store.kept_traffic import read_interactions

KILLS = int(os.environ.get("KILLS", "20"))
RATE = int(os.environ.get("RATE", "100"))
BETWEEN_S = float(os.environ.get("BETWEEN_S", "3"))


@dataclass
class Seen:
    """What the clients saw."""

    whole: set[str] = field(default_factory=set)
    begun: set[str] = field(default_factory=set)
    in_flight: int = 0
    at_kills: list[int] = field(default_factory=list)


async def _ask(session: aiohttp.ClientSession, number: int, seen: Seen) -> None:
    body = {
        "model": "x",
        "stream": True,
        "user": f"user-{number % 300}",
        "messages": [{"role": "user", "content": f"question {number}"}],
    }
    seen.in_flight += 1
    try:
        url = f"http://127.0.0.1:{GATEWAY}/v1/chat/completions"
        async with session.post(url, json=body) as answer:
            name = answer.headers.get("x-tunewell-id", "")
            seen.begun.add(name)
            said = await answer.read()
            if said.endswith(b"data: [DONE]\n\n"):
                seen.whole.add(name)
    except (aiohttp.ClientError, ConnectionError):
        pass
    finally:
        seen.in_flight -= 1


async def _load(key: str, seen: Seen, stop: asyncio.Event) -> None:
    headers = {"authorization": f"Bearer {key}"}
    connector = aiohttp.TCPConnector(limit=0)
    tasks: set[asyncio.Task[None]] = set()
    number = 0
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        while not stop.is_set():
            task = asyncio.create_task(_ask(session, number, seen))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
            await asyncio.sleep(1 / RATE)
        await asyncio.gather(*tasks)


async def _kill_often(folder: Path, key: str, seen: Seen) -> None:
    for _ in range(KILLS):
        with gateway(folder) as ours:
            stop = asyncio.Event()
            load = asyncio.create_task(_load(key, seen, stop))
            await asyncio.sleep(BETWEEN_S)
            seen.at_kills.append(seen.in_flight)
            _kill(ours)
            stop.set()
            await load


def _kill(ours: Measured) -> None:
    ours.process.send_signal(signal.SIGKILL)


def _drain_all(store: Store, folder: Path) -> None:
    """Carry everything over; the process beside the last gateway may hold a file for a moment."""
    for _ in range(100):
        drain_project(store, folder)
        if not spool_files(spool_folder(folder)):
            return
        time.sleep(0.2)


def main() -> None:
    """Run it and keep the result."""
    seen = Seen()
    with bench_folder() as folder, server():
        key = make_project(folder)
        asyncio.run(_kill_often(folder, key, seen))
        with Store(folder) as store:
            _drain_all(store, folder)
            ledger = traffic_ledger(store)
            rows = list(read_interactions(store))
    recorded = {row.id for row in rows if row.state == "recorded"}
    result = {
        "kills": KILLS,
        "streams_per_s": RATE,
        "whole_for_clients": len(seen.whole),
        "lost": len(seen.whole - recorded),
        "doubled": len(rows) - len({row.id for row in rows}),
        "in_flight_at_kills": sum(seen.at_kills),
        "ledger": {**ledger.model_dump(), "balances": ledger.balances},
    }
    print(result)
    keep("gateway-kills", result)


if __name__ == "__main__":
    main()
