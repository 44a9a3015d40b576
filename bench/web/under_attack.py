"""A hundred raters for five minutes under a flood of sign-ins, two restarts and a full disk.

`python -m bench web/under_attack`; SECONDS_ (300), RATERS (100), THINK seconds between a rater's
verdicts (5), STRANGERS (40), DATABASE_URL (``own``: a PostgreSQL of its own, restarted twice;
empty: SQLite, locked twice by another process instead), DISK (a small file system whose free space
is used up for a while; left out if empty). Nothing that was acknowledged may be lost or doubled;
p95 of verdicts and pages of those who are signed in is held against 200 ms, outside of the outages.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np

os.environ.setdefault("RATERS", "100")
os.environ.setdefault("THINK", "5")
SECONDS = float(os.environ.get("SECONDS_", "300"))
RATERS = int(os.environ["RATERS"])
THINK_S = float(os.environ["THINK"])
STRANGERS = int(os.environ.get("STRANGERS", "40"))
OUTAGES = int(os.environ.get("OUTAGES", "2"))
DISK = os.environ.get("DISK", "")
os.environ["VERDICTS"] = str(int(RATERS * (SECONDS / THINK_S + 5)))

from bench.machine import keep  # noqa: E402
from bench.web import load  # noqa: E402
from tunewell.people import WorkStore  # noqa: E402
from tunewell.store import Store  # noqa: E402
from tunewell.testing.postgres import postgres_programs, postgres_server  # noqa: E402

load.SERVER = """\
import sys
from pathlib import Path
import uvicorn
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import load_task
from tunewell.web import create_app
from tunewell.web.connection import PatientProtocol
folder, port, url = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
app = create_app(Project(load_task(folder), Store(folder, url=url, patience_s=5.0)))
uvicorn.run(app, port=port, log_level="critical", http=PatientProtocol, proxy_headers=False)
"""


class Attack:
    """What strangers do, and what they were answered."""

    def __init__(self, port: int, end: float) -> None:
        self.port, self.end = port, end
        self.answers: Counter[str] = Counter()
        self.lock = threading.Lock()

    def sign_in(self, number: int) -> None:
        """Sign in with ever new names until it is over."""
        n = 0
        while time.monotonic() < self.end:
            n += 1
            body = f"name=u{number}x{n}&password=abcabcabcabc"
            forged = f"10.{random.randrange(250)}.{random.randrange(250)}.1"
            headers = {
                "content-type": "application/x-www-form-urlencoded",
                "x-forwarded-for": forged,
            }
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
                connection.request("POST", "/login", body=body, headers=headers)
                told = str(connection.getresponse().status)
                connection.close()
            except OSError as error:
                told = type(error).__name__
            with self.lock:
                self.answers[told] += 1


class Raters:
    """What raters send, and what they were told of it."""

    def __init__(self, bench: load.Bench, end: float) -> None:
        self.bench, self.end = bench, end
        self.acknowledged: list[tuple[int, str]] = []
        self.verdict_s: list[tuple[float, float]] = []
        self.page_s: list[tuple[float, float]] = []
        self.refused: Counter[int] = Counter()
        self.lock = threading.Lock()

    def rate(self, number: int, token: str, csrf: str, queue: list[str]) -> None:
        """Work a queue off until it is over, sending each verdict until it is acknowledged."""
        luck = random.Random(number)
        time.sleep(luck.random() * THINK_S)
        for n, item in enumerate(queue):
            key = f"{number}-{n}"
            said = {"scores": {"right": 1}}
            body = json.dumps({"key": key, "item": item, "seconds": 5, "said": said})
            if not self._until_taken(number, token, csrf, body, key):
                return
            if n % 8 == 0:
                with contextlib.suppress(OSError):
                    at = time.monotonic()
                    status, seconds = self.bench.ask(
                        "GET", f"/work/{self.bench.batch.id}", token, csrf
                    )
                    if status == 200:
                        self.page_s.append((at, seconds))
            time.sleep(luck.expovariate(1 / THINK_S))

    def _until_taken(self, number: int, token: str, csrf: str, body: str, key: str) -> bool:
        while time.monotonic() < self.end:
            at = time.monotonic()
            try:
                status, seconds = self.bench.ask("POST", "/api/v1/verdicts", token, csrf, body)
            except OSError:
                status, seconds = 0, 0.0
            with self.lock:
                if status == 200:
                    self.acknowledged.append((number, key))
                    self.verdict_s.append((at, seconds))
                    return True
                self.refused[status] += 1
            time.sleep(1.0)
        return False


Outage = tuple[float, float]


def _restart(url: str, folder: Path) -> Outage:
    """Take the database away for three seconds."""
    began = time.monotonic()
    if url:
        socket = Path(parse_qs(urlsplit(url).query)["host"][0])
        programs = postgres_programs()
        assert programs is not None
        control = [str(programs / "pg_ctl"), "-D", str(socket / "data"), "-w"]
        start = ["-l", str(socket / "log"), "-o", f"-c listen_addresses='' -k {socket}", "start"]
        as_owner = ["setpriv", f"--reuid={socket.owner()}", "--clear-groups"]
        if os.getuid() != 0:
            as_owner = []
        subprocess.run([*as_owner, *control, "-m", "immediate", "stop"], check=True, cwd=socket)
        time.sleep(3)
        subprocess.run(
            [*as_owner, *control, *start], check=True, cwd=socket, stdout=subprocess.DEVNULL
        )
    else:
        other = sqlite3.connect(folder / ".tunewell" / "tunewell.db", isolation_level=None)
        other.execute("PRAGMA busy_timeout = 30000")
        other.execute("BEGIN IMMEDIATE")
        time.sleep(8)
        other.execute("ROLLBACK")
        other.close()
    return began, time.monotonic() + 2


def _fill(disk: Path) -> Outage:
    """Use up what is free for eight seconds."""
    began = time.monotonic()
    path = disk / "fill"
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 65_536)
    time.sleep(8)
    path.unlink()
    return began, time.monotonic() + 2


def _p95_ms(
    measured: list[tuple[float, float]], outages: list[Outage], percent: float = 95
) -> float:
    calm = [s for at, s in measured if not any(a - 1 <= at <= b for a, b in outages)]
    return round(float(np.percentile(calm, percent)) * 1000, 1) if calm else float("nan")


def main() -> None:
    """Run it and write what was measured."""
    with tempfile.TemporaryDirectory(dir=DISK or None) as name, contextlib.ExitStack() as stack:
        url = os.environ.get("DATABASE_URL", "")
        if url == "own":
            programs = postgres_programs()
            if programs is None:
                raise SystemExit("no PostgreSQL server on this machine")
            url = stack.enter_context(postgres_server(programs, durable=True)) % "postgres"
        load.URL = url
        folder = Path(name)
        batch, raters, _ = load.prepare(folder)
        bench = load.Bench(folder, batch)
        end = time.monotonic() + SECONDS
        room, attack = Raters(bench, end), Attack(bench.port, end)
        threads = [
            threading.Thread(target=room.rate, args=(n, *rater)) for n, rater in enumerate(raters)
        ]
        threads += [
            threading.Thread(target=attack.sign_in, args=(n,), daemon=True)
            for n in range(STRANGERS)
        ]
        for thread in threads:
            thread.start()
        outages = []
        for _ in range(OUTAGES):
            time.sleep(SECONDS / 4)
            outages.append(_restart(url, folder))
        if DISK:
            time.sleep(SECONDS / 8)
            outages.append(_fill(Path(DISK)))
        for thread in threads:
            thread.join()
        bench.server.terminate()
        bench.server.wait()
        result = _result(folder, url, room, attack, outages)
    print(json.dumps(result, indent=1))
    keep(f"web_under_attack_{'postgresql' if url else 'sqlite'}", result)
    assert result["lost"] == result["doubled"] == 0


def _result(
    folder: Path, url: str, room: Raters, attack: Attack, outages: list[Outage]
) -> dict[str, object]:
    with Store(folder, url=url) as store:
        stored = WorkStore(store).verdicts(room.bench.batch.id, all_words=True)
        report = store.check_ledger()
    keys = Counter(verdict.key for verdict in stored)
    return {
        "seconds": SECONDS,
        "raters": RATERS,
        "think_s": THINK_S,
        "strangers": STRANGERS,
        "acknowledged": len(room.acknowledged),
        "lost": sum(key not in keys for _, key in room.acknowledged),
        "doubled": sum(count - 1 for count in keys.values()),
        "ledger_faults": list(report.faults),
        "verdict_p50_ms": _p95_ms(room.verdict_s, outages, 50),
        "verdict_p95_ms": _p95_ms(room.verdict_s, outages),
        "page_p95_ms": _p95_ms(room.page_s, outages),
        "answers_to_raters_otherwise": {str(k): n for k, n in room.refused.items()},
        "answers_to_strangers": dict(attack.answers),
        "load_average": round(os.getloadavg()[0], 1),
        "outages": len(outages),
        "full_disk": bool(DISK),
    }


if __name__ == "__main__":
    main()
