"""Memory of a gateway under steady load: it should stay as it is.

`python -m bench gateway/memory`; MINUTES (10), RATE (20 streams a second), LONG_EVERY (0). Answers
have twenty words in twenty pieces; with LONG_EVERY=5 every fifth has a hundred thousand characters.
Users and texts are new all the time.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import aiohttp

from bench.gateway.processes import (
    GATEWAY,
    SERVER,
    Measured,
    bench_folder,
    gateway,
    make_project,
)
from bench.machine import keep
from tunewell.gateway.keep import traffic_ledger
from tunewell.gateway.tending import drain_project
from tunewell.store import Store
from tunewell.testing.model_server import SocketFault, SocketModelServer

MINUTES = float(os.environ.get("MINUTES", "10"))
RATE = int(os.environ.get("RATE", "20"))
LONG_EVERY = int(os.environ.get("LONG_EVERY", "0"))


async def _ask(session: aiohttp.ClientSession, number: int) -> bool:
    body = {
        "model": "x",
        "stream": True,
        "user": f"user-{number}",
        "messages": [{"role": "user", "content": f"question {number} " + "and more " * 50}],
        "metadata": {"long": LONG_EVERY > 0 and number % LONG_EVERY == 0},
    }
    url = f"http://127.0.0.1:{GATEWAY}/v1/chat/completions"
    async with session.post(url, json=body) as answer:
        return (await answer.read()).endswith(b"data: [DONE]\n\n")


def _resident_mb(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    return round(int(status.split("VmRSS:")[1].split()[0]) / 1024, 1)


def _beside(process: int) -> int:
    """The process beside the gateway."""
    threads = Path(f"/proc/{process}/task").iterdir()
    children = [child for thread in threads for child in (thread / "children").read_text().split()]
    return int(children[0])


async def _watch(ours: Measured, key: str) -> dict[str, Any]:
    main_process = ours.process.pid
    beside = _beside(main_process)
    seen: list[tuple[float, float]] = []
    tasks: set[asyncio.Task[bool]] = set()
    whole = number = 0
    headers = {"authorization": f"Bearer {key}"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        began = time.monotonic()
        next_look = 0.0
        while (passed := time.monotonic() - began) < 60 * MINUTES:
            if passed >= next_look:
                seen.append((_resident_mb(main_process), _resident_mb(beside)))
                print(round(passed), seen[-1], flush=True)
                next_look += 30
            tasks.add(asyncio.create_task(_ask(session, number)))
            number += 1
            done = {task for task in tasks if task.done()}
            whole += sum(task.result() for task in done)
            tasks -= done
            await asyncio.sleep(max(0.0, began + number / RATE - time.monotonic()))
        whole += sum(await asyncio.gather(*tasks))
    gateway_mb = [each for each, _ in seen]
    half = len(gateway_mb) // 2
    return {
        "streams": number,
        "whole": whole,
        "streams_per_s": round(number / (60 * MINUTES), 1),
        "gateway_mb": gateway_mb,
        "beside_mb": [each for _, each in seen],
        "most_mb": max(gateway_mb),
        "growth_in_the_second_half_mb": round(max(gateway_mb[half:]) - max(gateway_mb[:half]), 1),
    }


async def _main(folder: Path) -> dict[str, Any]:
    server = SocketModelServer(
        keep=False,
        text=lambda body: "word " * (20_000 if body["metadata"]["long"] else 20),
        fault=lambda body: SocketFault(pause_s=0.005),
    )
    await server.start(SERVER)
    key = make_project(folder)
    serving = gateway(folder)
    ours = await asyncio.to_thread(serving.__enter__)
    try:
        found = await _watch(ours, key)
        cpu_s = ours.cpu_s
    finally:
        await asyncio.to_thread(serving.__exit__, None, None, None)
    with Store(folder) as store:
        drain_project(store, folder)
        balances = traffic_ledger(store).balances
    return {
        **found,
        "cpu_ms_per_stream": round(1000 * cpu_s / found["streams"], 2),
        "ledger_balances": balances,
    }


def main() -> None:
    """Run it and keep the result."""
    with bench_folder() as folder:
        given = {"minutes": MINUTES, "long_every": LONG_EVERY}
        result = {**given, "load": os.getloadavg(), **asyncio.run(_main(folder))}
    print(result)
    keep("gateway-memory-long" if LONG_EVERY else "gateway-memory", result)


if __name__ == "__main__":
    main()
