"""Ten thousand pieces of feedback, early, twice and late: each is joined exactly once.

`python -m bench gateway/outcomes`; FEEDBACK (10,000). 30 % come before their record is in the
database, 20 % are sent twice, 10 % speak of a moment an hour ago.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import random

import aiohttp

from bench.gateway.processes import GATEWAY, bench_folder, gateway, make_project, server
from bench.machine import keep
from tunewell.gateway.keep import orphan_feedback, traffic_ledger
from tunewell.gateway.tending import drain_project
from tunewell.store import Store
from tunewell.store.kept_traffic import read_feedback, read_interactions

FEEDBACK = int(os.environ.get("FEEDBACK", "10000"))
AT_ONCE = 40
BASE = f"http://127.0.0.1:{GATEWAY}/v1"


async def _ask(session: aiohttp.ClientSession, number: int) -> str:
    body = {
        "model": "x",
        "user": f"u{number % 900}",
        "messages": [{"role": "user", "content": "?"}],
    }
    async with session.post(f"{BASE}/chat/completions", json=body) as answer:
        await answer.read()
        return answer.headers["x-tunewell-id"]


async def _say(session: aiohttp.ClientSession, key: str, about: str, late: bool) -> int:
    hours = dt.timedelta(hours=1 if late else 0)
    at = (dt.datetime.now(dt.UTC) - hours).isoformat()
    body = {"interaction": about, "kind": "thumb", "value": 1, "at": at}
    headers = {"idempotency-key": key}
    async with session.post(f"{BASE}/feedback", json=body, headers=headers) as answer:
        await answer.read()
        return answer.status


async def _load(secret: str) -> tuple[set[str], list[int]]:
    """Keys that were sent, and the statuses of all answers."""
    draw = random.Random(7)
    sent: set[str] = set()
    statuses: list[int] = []
    left = iter(range(FEEDBACK))
    earlier: list[str] = []

    async def worker(session: aiohttp.ClientSession) -> None:
        for number in left:
            about = await _ask(session, number)
            earlier.append(about)
            if draw.random() >= 0.3:
                about = earlier[draw.randrange(len(earlier))]
            key = f"k-{number}"
            sent.add(key)
            late = draw.random() < 0.1
            times = 2 if draw.random() < 0.2 else 1
            statuses.extend([await _say(session, key, about, late) for _ in range(times)])

    headers = {"authorization": f"Bearer {secret}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        await asyncio.gather(*[worker(session) for _ in range(AT_ONCE)])
    return sent, statuses


def main() -> None:
    """Run it and keep the result."""
    with bench_folder() as folder, server():
        secret = make_project(folder)
        with gateway(folder):
            sent, statuses = asyncio.run(_load(secret))
        with Store(folder) as store:
            drain_project(store, folder)
            said = list(read_feedback(store))
            known = {row.id for row in read_interactions(store)}
            orphans = len(orphan_feedback(store))
            ledger = traffic_ledger(store)
    result = {
        "sent": len(statuses),
        "distinct": len(sent),
        "refused": sum(status != 202 for status in statuses),
        "kept": len(said),
        "kept_once": {each.key for each in said} == sent and len(said) == len(sent),
        "joined": sum(each.interaction in known for each in said),
        "orphans": orphans,
        "ledger_balances": ledger.balances,
    }
    print(result)
    keep("gateway-outcomes", result)


if __name__ == "__main__":
    main()
