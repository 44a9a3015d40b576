"""What a stream of twenty pieces costs through the gateway, beside a bare pass-through.

`python -m bench gateway/streams`; STREAMS (4,000), SECONDS (20). Client, gateway and server share
the machine; processor seconds are those of the proxy's own process.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

import aiohttp
import numpy as np

from bench.gateway.processes import (
    GATEWAY,
    PASS_THROUGH,
    SERVER,
    Measured,
    bench_folder,
    gateway,
    make_project,
    pass_through,
    server,
)
from bench.machine import keep

STREAMS = int(os.environ.get("STREAMS", "4000"))
SECONDS = int(os.environ.get("SECONDS", "20"))
AT_ONCE = 50
RATE = 50
BODY = {
    "model": "m-a",
    "stream": True,
    "messages": [
        {"role": "system", "content": "Answer questions about bills in two sentences."},
        {"role": "user", "content": "Why was I charged twice? Write to jo@okoro.net please."},
    ],
}


async def _stream(session: aiohttp.ClientSession, port: int, user: str) -> float:
    """Seconds until the first piece."""
    began = time.perf_counter()
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    async with session.post(url, json={**BODY, "user": user}) as answer:
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {await answer.text()}")
        await answer.content.readany()
        first_s = time.perf_counter() - began
        await answer.content.read()
    return first_s


async def _flood(session: aiohttp.ClientSession, port: int, count: int) -> float:
    """Streams a second with so many at once."""
    left = iter(range(count))

    async def worker() -> None:
        for number in left:
            await _stream(session, port, f"user-{number % 500}")

    began = time.perf_counter()
    await asyncio.gather(*[worker() for _ in range(AT_ONCE)])
    return count / (time.perf_counter() - began)


async def _paced(session: aiohttp.ClientSession, port: int) -> list[float]:
    """Seconds to the first piece of streams that come at a steady rate."""
    tasks = []
    for number in range(RATE * SECONDS):
        tasks.append(asyncio.create_task(_stream(session, port, f"user-{number % 500}")))
        await asyncio.sleep(1 / RATE)
    return list(await asyncio.gather(*tasks))


async def _measure(key: str, proxies: dict[str, tuple[int, Measured]]) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {key}"}
    connector = aiohttp.TCPConnector(limit=0)
    found: dict[str, Any] = {}
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        direct = await _paced(session, SERVER)
        found["direct"] = {"first_ms": _quantiles(direct)}
        for name, (port, process) in proxies.items():
            await _flood(session, port, 200)
            before = process.cpu_s
            rate = await _flood(session, port, STREAMS)
            cpu = process.cpu_s - before
            first = await _paced(session, port)
            found[name] = {
                "cpu_ms_per_stream": round(1000 * cpu / STREAMS, 3),
                "streams_per_s": round(rate),
                "first_ms": _quantiles(first),
                "added_p95_ms": round(1000 * (_p95(first) - _p95(direct)), 2),
                "resident_mb": round(process.resident_mb, 1),
            }
    return found


def _p95(values: list[float]) -> float:
    return float(np.quantile(values, 0.95))


def _quantiles(values: list[float]) -> dict[str, float]:
    return {f"p{q}": round(1000 * float(np.quantile(values, q / 100)), 2) for q in (50, 95, 99)}


def main() -> None:
    """Run it and keep the result."""
    with bench_folder() as folder, server(), pass_through() as bare:
        key = make_project(folder)
        with gateway(folder) as ours:
            proxies = {"pass_through": (PASS_THROUGH, bare), "gateway": (GATEWAY, ours)}
            found = asyncio.run(_measure(key, proxies))
    ratio = found["gateway"]["cpu_ms_per_stream"] / found["pass_through"]["cpu_ms_per_stream"]
    result = {"ratio_cpu": round(ratio, 2), "streams": STREAMS, **found}
    print(result)
    keep("gateway-streams", result)


if __name__ == "__main__":
    main()
