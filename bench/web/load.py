"""A hundred raters at once, the server killed in between: how fast, and is every verdict there?

`python -m bench web/load`; VERDICTS (5,000), RATERS (100), THINK seconds between a rater's verdicts
(2), DATABASE_URL (``own``: a PostgreSQL of its own, from the programs of the machine, waiting for
the disk at each commit). Raters keep to their own queue, send each verdict again with the same key
until it is acknowledged, and open their work page after every eighth. After a third of the verdicts
the server is killed (SIGKILL) and started again. Meanwhile the owner looks at the batches and at
the results every few seconds.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np

from bench.machine import keep
from tunewell.people import Accounts, Batch, Item, Sessions, WorkStore, new_id
from tunewell.store import Store
from tunewell.task import RubricCriterion
from tunewell.testing.postgres import postgres_programs, postgres_server

VERDICTS = int(os.environ.get("VERDICTS", "5000"))
RATERS = int(os.environ.get("RATERS", "100"))
THINK_S = float(os.environ.get("THINK", "2"))
URL = os.environ.get("DATABASE_URL", "")
LOOK_S = 3.0
TASK = """\
task: {name: load, about: A load test of the review app., input: a question, output: an answer}
data: [{path: none.jsonl}]
people: {rubric: [{name: right, question: "Is it right?"}]}
"""
SERVER = """\
import sys
from pathlib import Path
import uvicorn
from tunewell.store import Store
from tunewell.task import load_task
from tunewell.project import Project
from tunewell.web import create_app
folder, port, url = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
project = Project(load_task(folder), Store(folder, url=url))
uvicorn.run(create_app(project), port=port, log_level="error")
"""


def prepare(folder: Path) -> tuple[Batch, list[tuple[str, str, list[str]]], str]:
    """A batch with its seats, each rater's (cookie, csrf, items in order), the owner's cookie."""
    (folder / "tunewell.yaml").write_text(TASK, encoding="utf-8")
    with Store(folder, url=URL) as store:
        work_store, sessions = WorkStore(store), Sessions(store)
        batch = Batch(
            id=new_id(),
            kind="review",
            title="load",
            created=dt.datetime.now(dt.UTC),
            author="bench",
            raters=RATERS,
            rubric=(RubricCriterion(name="right", question="Is it right?"),),
        )
        count = -(-VERDICTS // RATERS)
        text = "A question of sixty words, as a desk gets them every day. " * 6
        items = [
            Item(
                id=new_id(),
                batch=batch.id,
                number=n,
                example=f"e{n}",
                arms=("tuned",),
                source=f"{n} {text}",
                output=text,
            )
            for n in range(count)
        ]
        work_store.open_batch(batch, items)
        accounts = [Accounts(store).create(f"rater {n}", role="expert") for n in range(RATERS)]
        work_store.share(batch, [a.id for a in accounts])
        raters = []
        for account in accounts:
            token = sessions.start(account)
            session = sessions.find(token)
            assert session is not None
            queue = [i.id for i in work_store.next_items(batch.id, account.id, limit=count)]
            raters.append((token, session.csrf, queue))
        owner = sessions.start(Accounts(store).create("owner", role="owner"))
    return batch, raters, owner


class Bench:
    """The server, its raters, and what they measured."""

    def __init__(self, folder: Path, batch: Batch) -> None:
        self.folder, self.batch = folder, batch
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.lock = threading.Lock()
        self.verdict_s: list[float] = []
        self.page_s: list[float] = []
        self.owner_s: dict[str, list[float]] = {"batches": [], "results": []}
        self.acknowledged: list[str] = []
        self.again = 0
        self.server = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server and wait until it answers."""
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(self.folder), str(self.port), URL]
        )
        for _ in range(1200):
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return server
            except OSError:
                time.sleep(0.05)
        raise SystemExit("the server did not start")

    def kill(self) -> None:
        """SIGKILL, and a new server."""
        self.server.send_signal(signal.SIGKILL)
        self.server.wait()
        self.server = self.start()

    def ask(
        self, method: str, path: str, token: str, csrf: str, body: str = ""
    ) -> tuple[int, float]:
        """One request; status and seconds. Raises OSError when the server is gone."""
        started = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {
            "cookie": f"tunewell={token}",
            "x-csrf": csrf,
            "content-type": "application/json",
        }
        try:
            connection.request(method, path, body=body or None, headers=headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status, time.perf_counter() - started
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    def rate(self, number: int, token: str, csrf: str, queue: list[str]) -> None:
        """One rater works the queue off."""
        luck = random.Random(number)
        time.sleep(luck.random() * THINK_S)
        for n, item in enumerate(queue):
            key = f"{number}-{n}"
            body = json.dumps(
                {"key": key, "item": item, "seconds": 5, "said": {"scores": {"right": 1}}}
            )
            self._until_taken(token, csrf, body, key)
            if n % 8 == 0:
                try:
                    _, seconds = self.ask("GET", f"/work/{self.batch.id}", token, csrf)
                    with self.lock:
                        self.page_s.append(seconds)
                except OSError:
                    pass
            time.sleep(luck.expovariate(1 / THINK_S) if THINK_S else 0)

    def look(self, token: str, over: threading.Event) -> None:
        """The owner looks at batches and results until it is over."""
        pages = {"batches": "/batches", "results": f"/batches/{self.batch.id}"}
        while not over.wait(LOOK_S):
            for name, path in pages.items():
                try:
                    status, seconds = self.ask("GET", path, token, "")
                except OSError:
                    continue
                if status == 200:
                    self.owner_s[name].append(seconds)

    def _until_taken(self, token: str, csrf: str, body: str, key: str) -> None:
        while True:
            try:
                status, seconds = self.ask("POST", "/api/v1/verdicts", token, csrf, body)
            except OSError:
                status, seconds = 0, 0.0
            with self.lock:
                if status == 200:
                    self.acknowledged.append(key)
                    self.verdict_s.append(seconds)
                    return
                self.again += 1
            time.sleep(0.3)


def main() -> None:
    """Run the load and write what was measured."""
    global URL
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        if URL == "own":
            programs = postgres_programs()
            if programs is None:
                raise SystemExit(
                    "no PostgreSQL server on this machine (apt-get install postgresql)"
                )
            URL = stack.enter_context(postgres_server(programs, durable=True)) % "postgres"
        folder = Path(name)
        batch, raters, owner = prepare(folder)
        bench = Bench(folder, batch)
        threads = [
            threading.Thread(target=bench.rate, args=(n, *rater)) for n, rater in enumerate(raters)
        ]
        over = threading.Event()
        looker = threading.Thread(target=bench.look, args=(owner, over))
        total = sum(len(queue) for _, _, queue in raters)
        started = time.perf_counter()
        for thread in (*threads, looker):
            thread.start()
        while len(bench.acknowledged) < total // 3:
            time.sleep(0.05)
        bench.kill()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - started
        over.set()
        looker.join()
        bench.server.send_signal(signal.SIGKILL)  # the last verdicts have to survive this, too
        bench.server.wait()
        with Store(folder, url=URL) as store:
            kept = Counter(v.key for v in WorkStore(store).verdicts(batch.id, all_words=True))
    result = summary(bench, kept, total, seconds)
    print(json.dumps(result, indent=2))
    keep(f"web_load_{result['database']}", result)
    if result["lost"] or result["doubled"]:
        raise SystemExit("acknowledged verdicts were lost or doubled")


def summary(bench: Bench, kept: Counter[str], total: int, seconds: float) -> dict[str, object]:
    """The figures."""

    def percentiles(values: list[float]) -> dict[str, float]:
        return {f"p{q}_ms": round(1000 * float(np.percentile(values, q)), 1) for q in (50, 95, 99)}

    return {
        "database": "postgresql" if URL else "sqlite",
        "raters": RATERS,
        "think_s": THINK_S,
        "verdicts": total,
        "seconds": round(seconds, 1),
        "per_s": round(total / seconds, 1),
        "verdict": percentiles(bench.verdict_s),
        "work_page": percentiles(bench.page_s),
        **{f"{name}_page": percentiles(values) for name, values in bench.owner_s.items() if values},
        "killed": 2,
        "sent_again": bench.again,
        "lost": sum(k not in kept for k in bench.acknowledged),
        "doubled": sum(n > 1 for n in kept.values()),
        "load_average": os.getloadavg()[0],
    }


if __name__ == "__main__":
    main()
