"""What goes wrong around a gateway: the ledger has to balance each time.

`python -m bench gateway/outages`; RATE (40 streams a second and gateway), DOWN_S (60). Two gateways
on one PostgreSQL, each with a folder of its own, as on two machines; the database is stopped in the
middle for a minute. Then one gateway whose disk (a file system of 4 MB, which needs root to be
mounted) is full for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from bench.gateway.processes import GATEWAY, bench_folder, make_project, server, serving
from bench.machine import keep
from tunewell.gateway.control import make_key
from tunewell.gateway.keep import traffic_ledger
from tunewell.gateway.places import gateway_folder, salt, spool_folder
from tunewell.gateway.spool import spool_files
from tunewell.gateway.tending import drain_project
from tunewell.store import Store
from tunewell.store.kept_traffic import read_interactions
from tunewell.testing.postgres import postgres_programs, postgres_server

RATE = int(os.environ.get("RATE", "40"))
DOWN_S = float(os.environ.get("DOWN_S", "60"))
AROUND_S = 12.0
SECOND = GATEWAY + 5


@dataclass
class Said:
    """What clients got.

    Attributes:
        statuses: How often each.
        whole: Ids of answers that came whole.
        arms: Arm-model of each user's answers.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    whole: set[str] = field(default_factory=set)
    arms: dict[str, set[str]] = field(default_factory=dict)


async def _ask(session: aiohttp.ClientSession, port: int, number: int, said: Said) -> None:
    user = f"user-{number % 200}"
    text = f"question {number} " + "of some length " * 20
    body = {"model": "x", "stream": True, "user": user}
    body["messages"] = [{"role": "user", "content": text}]
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    try:
        async with session.post(url, json=body) as answer:
            data = await answer.read()
            said.statuses[answer.status] += 1
            if data.endswith(b"data: [DONE]\n\n"):
                said.whole.add(answer.headers["x-tunewell-id"])
                model = "m-b" if b'"m-b"' in data else "m-a"
                said.arms.setdefault(user, set()).add(model)
    except (aiohttp.ClientError, ConnectionError):
        said.statuses[0] += 1


async def _load(key: str, ports: list[int], seconds: float, said: Said) -> None:
    tasks: set[asyncio.Task[None]] = set()
    headers = {"authorization": f"Bearer {key}"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        until = time.monotonic() + seconds
        number = 0
        while time.monotonic() < until:
            for port in ports:
                task = asyncio.create_task(_ask(session, port, number, said))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                number += 1
            await asyncio.sleep(1 / RATE)
        await asyncio.gather(*tasks)


def _control(url: str, programs: Path, *command: str) -> None:
    """Start or stop the server behind a URL."""
    folder = Path(url.split("host=")[1])
    owner = pwd.getpwuid(folder.stat().st_uid)
    given: dict[str, Any] = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    if os.getuid() != 0:
        given = {}
    options = f"-c listen_addresses='' -k {folder} -F"
    line = [str(programs / "pg_ctl"), "-D", str(folder / "data"), "-w", "-l", str(folder / "log")]
    subprocess.run(
        [*line, "-o", options, *command], check=True, capture_output=True, cwd=folder, **given
    )


def _gateway(folder: Path, port: int, url: str) -> Any:
    file = str(folder / "tunewell.yaml")
    command = ("-m", "tunewell.gateway.serving", file, "127.0.0.1", str(port))
    return serving(*command, port=port, env={"TUNEWELL_DATABASE_URL": url})


async def _while_away(url: str, programs: Path, key: str, said: Said) -> None:
    load = asyncio.create_task(_load(key, [GATEWAY, SECOND], 2 * AROUND_S + DOWN_S, said))
    await asyncio.sleep(AROUND_S)
    await asyncio.to_thread(_control, url, programs, "-m", "immediate", "stop")
    await asyncio.sleep(DOWN_S)
    await asyncio.to_thread(_control, url, programs, "start")
    await load


def _drain_all(store: Store, folder: Path) -> None:
    for _ in range(300):
        drain_project(store, folder)
        if not spool_files(spool_folder(folder)):
            return
        time.sleep(0.2)


def _account(store: Store, said: Said) -> dict[str, Any]:
    ledger = traffic_ledger(store)
    rows = list(read_interactions(store))
    recorded = {row.id for row in rows if row.state == "recorded"}
    return {
        "statuses": dict(said.statuses),
        "whole_for_clients": len(said.whole),
        "lost": len(said.whole - recorded),
        "doubled": len(rows) - len({row.id for row in rows}),
        "users_in_two_arms": sum(len(arms) > 1 for arms in said.arms.values()),
        "ledger": {**ledger.model_dump(), "balances": ledger.balances},
    }


def two_on_one_database() -> dict[str, Any]:
    """Two gateways on one PostgreSQL that is away for a while."""
    programs = postgres_programs()
    if programs is None:
        return {"unchecked": "no PostgreSQL server is installed here"}
    said = Said()
    with (
        bench_folder() as first,
        bench_folder() as second,
        server(),
        postgres_server(programs) as pattern,
    ):
        url = pattern.replace("%s", "postgres")
        for folder in (first, second):
            make_project(folder)
        # What a team copies to each machine: without the same salt users change arms.
        salt(gateway_folder(first))
        target = gateway_folder(second)
        for file in gateway_folder(first).glob("salt*"):
            (target / file.name).write_bytes(file.read_bytes())
            (target / file.name).chmod(0o600)
        with Store(first, url=url) as store:
            key = make_key(store, "shared", ["user"], author="bench")
        with _gateway(first, GATEWAY, url), _gateway(second, SECOND, url):
            asyncio.run(_while_away(url, programs, key, said))
        with Store(first, url=url) as store:
            _drain_all(store, first)
            _drain_all(store, second)
            found = _account(store, said)
    return {"streams_per_s": 2 * RATE, "away_s": DOWN_S, **found}


@contextlib.contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[None]:
    """A file system of so many megabytes at a place."""
    place.mkdir(parents=True, exist_ok=True)
    options = f"size={megabytes}m,mode=700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


async def _while_full(folder: Path, key: str, said: Said) -> tuple[int, dict[str, Any]]:
    block = spool_folder(folder) / "block"
    load = asyncio.create_task(_load(key, [GATEWAY], 24.0, said))
    await asyncio.sleep(8)
    with block.open("wb", buffering=0) as file:
        # Files of the spool that the database has are removed meanwhile: their room is taken too.
        for _ in range(80):
            with contextlib.suppress(OSError):
                while file.write(b"x" * 4_096) == 4_096:
                    pass
            await asyncio.sleep(0.1)
    filled = block.stat().st_size
    url = f"http://127.0.0.1:{GATEWAY}/v1/gateway"
    headers = {"authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
        counts = await answer.json()
    block.unlink()
    await load
    return filled, counts


def full_disk() -> dict[str, Any]:
    """A gateway whose spool's disk is full for eight seconds."""
    said = Said()
    with bench_folder() as folder, server():
        key = make_project(folder)
        place = spool_folder(folder)
        try:
            with small_disk(place, 4):
                with _gateway(folder, GATEWAY, ""):
                    filled, counts = asyncio.run(_while_full(folder, key, said))
                with Store(folder) as store:
                    _drain_all(store, folder)
                    found = _account(store, said)
        except subprocess.CalledProcessError:
            return {"unchecked": "no file system can be mounted here"}
    told = {"refused": counts["refused"], "failure": counts["failure"]}
    return {"block_bytes": filled, "told while full": told, **found}


def main() -> None:
    """Run it and keep the result."""
    result = {"two_gateways": two_on_one_database(), "full_disk": full_disk()}
    print(result)
    keep("gateway-outages", result)


if __name__ == "__main__":
    main()
