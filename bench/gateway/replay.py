"""A year and a half of real questions, in their order of time, through the gateway to verdicts.

`python -m bench gateway/replay`; ROWS (all). Questions of Thunderbird's support forum from July
2023 on are asked through the real gateway; what is known of an answer (whether the area was named
right) comes when the first person has answered that question, as feedback; questions that nobody
answered have none. The arms are classifiers behind a fake server (the nearest row; regression on
words; both learned from January to June 2023): a language model on two cores would take hours for
these rows; `gateway/real_model` asks a real one a part of them.

First an A/A test, then a candidate that is better, its promotion and a rollback while requests are
in flight, then one that learned from half of the rows. At every peek what a test says is kept, and
read again from the end with ``at``: a replay that knew later answers would differ.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import heapq
import json
import math
import os
import re
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import logsumexp

from bench.gateway.processes import DEFINITION, GATEWAY, SERVER, bench_folder, gateway
from bench.machine import keep
from tunewell import releases
from tunewell.compare.experiment import ExperimentResult, close_and_settle, read_experiment
from tunewell.experiments import (
    closed_experiments,
    draft_experiment,
    experiment_named,
    open_step,
    sign_experiment,
)
from tunewell.gateway.control import make_key
from tunewell.gateway.keep import orphan_feedback, traffic_ledger
from tunewell.store import Store
from tunewell.store.kept_traffic import read_interactions
from tunewell.task import load_task
from tunewell.testing.model_server import SocketModelServer

DATA = Path(os.environ.get("TUNEWELL_DATA", "../shared/data")) / "thunderbird"
ROWS = int(os.environ.get("ROWS", "0"))
TRAFFIC_FROM = dt.datetime(2023, 7, 1, tzinfo=dt.UTC)
PEEK_EVERY = 200
BASE = f"http://127.0.0.1:{GATEWAY}/v1"
WORD = re.compile(r"[a-z][a-z0-9]{2,}")

ARMS = """servers: [{{name: one, url: "http://127.0.0.1:{server}/v1"}}]
  arms:
    - {{name: current, server: one, place: production}}
    - {{name: twin, server: one, place: production, weight: 0}}
    - {{name: regressed, server: one, model: regressed, weight: 0}}
    - {{name: half, server: one, model: half, weight: 0}}
  fallback: current"""


@dataclass(frozen=True)
class Question:
    """A question of the forum.

    Attributes:
        id: The forum's.
        at: When it was asked.
        text: Title and content.
        area: The topic that its asker chose.
        asker: Hashed.
        known: When the first other person answered; None if nobody did.
    """

    id: str
    at: dt.datetime
    text: str
    area: str
    asker: str
    known: dt.datetime | None


def questions() -> list[Question]:
    """All questions of the five areas, in order of time."""
    first: dict[str, dt.datetime] = {}
    asker: dict[str, str] = {}
    rows = _lines(DATA / "questions.jsonl.gz")
    for row in rows:
        asker[row["id"]] = row["asker"]
    for answer in _lines(DATA / "answers.jsonl.gz"):
        about = answer["question"]
        at = _time(answer["created"])
        if answer["author"] != asker.get(about):
            first[about] = min(at, first.get(about, at))
    counts = Counter(row["topic"] for row in rows if row["topic"] != "other")
    areas = {name for name, _ in counts.most_common(5)}
    found = [
        Question(
            id=row["id"],
            at=_time(row["created"]),
            text=f"{row['title']}\n{re.sub(r'<[^>]*>', ' ', row['content'])}"[:2000],
            area=row["topic"],
            asker=row["asker"],
            known=first.get(row["id"]),
        )
        for row in rows
        if row["topic"] in areas
    ]
    return sorted(found, key=lambda each: each.at)


def _lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _time(text: str) -> dt.datetime:
    return dt.datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z").astimezone(dt.UTC)


class Regressed:
    """Logistic regression on words, weighted by how rare they are.

    Args:
        rows: To learn from.
    """

    def __init__(self, rows: list[Question]) -> None:
        self.areas = sorted({row.area for row in rows})
        counts = Counter(word for row in rows for word in _words(row.text))
        known = sorted(word for word, count in counts.items() if count > 1)
        self._at = {word: number for number, word in enumerate(known)}
        self._rarity = np.array([math.log(len(rows) / counts[word]) + 1 for word in known])
        x = sparse.vstack([self._vector(row.text) for row in rows]).tocsr()
        y = np.array([self.areas.index(row.area) for row in rows])
        shape = (len(known), len(self.areas))

        def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
            weights = flat.reshape(shape)
            scores = x @ weights
            scores -= logsumexp(scores, axis=1, keepdims=True)
            error = np.exp(scores)
            error[np.arange(len(y)), y] -= 1
            penalty = 0.5 * float((flat**2).sum())
            value = -float(scores[np.arange(len(y)), y].sum()) + penalty
            return value, (x.T @ error + weights).ravel()

        start = np.zeros(shape[0] * shape[1])
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 60})
        self._weights = found.x.reshape(shape)

    def _vector(self, text: str) -> sparse.csr_matrix:
        at = sorted(self._at[word] for word in _words(text) if word in self._at)
        values = self._rarity[at]
        norm = float(np.sqrt((values**2).sum())) or 1.0
        return sparse.csr_matrix((values / norm, ([0] * len(at), at)), shape=(1, len(self._at)))

    def __call__(self, text: str) -> str:
        """The likeliest area."""
        return self.areas[int((self._vector(text) @ self._weights).argmax())]


def _words(text: str) -> set[str]:
    return set(WORD.findall(text.lower()))


@dataclass
class Nearest:
    """Names the area of the training row that shares most rare words."""

    rows: list[Question]

    def __post_init__(self) -> None:
        self._of: dict[str, list[int]] = defaultdict(list)
        for number, row in enumerate(self.rows):
            for word in _words(row.text):
                self._of[word].append(number)

    def __call__(self, text: str) -> str:
        """The area of the nearest row."""
        shared: Counter[int] = Counter()
        for word in _words(text):
            found = self._of.get(word, [])
            if len(found) > len(self.rows) / 20:
                continue
            for number in found:
                shared[number] += math.log(len(self.rows) / len(found))  # type: ignore[assignment]
        return self.rows[max(shared, key=lambda n: (shared[n], -n), default=0)].area


@dataclass
class Replay:
    """The traffic, as far as it was replayed.

    Attributes:
        folder: Of the project.
        rows: Questions that are still to come.
        session: With the key.
        sent: Requests so far.
        said: Feedback so far.
        waiting: What will be known, by its time.
        peeks: Of the test that runs: the moment, and what it said.
    """

    folder: Path
    rows: list[Question]
    session: aiohttp.ClientSession
    sent: int = 0
    said: int = 0
    waiting: list[tuple[dt.datetime, str, bool]] = field(default_factory=list)
    peeks: list[tuple[dt.datetime, ExperimentResult]] = field(default_factory=list)

    async def ask(self, row: Question) -> None:
        """Ask one question, once all that was known before it has been said."""
        await self.say_until(row.at)
        body = {
            "model": "any",
            "user": row.asker,
            "messages": [{"role": "user", "content": row.text}],
            "metadata": {"conversation_id": row.id},
        }
        async with self.session.post(f"{BASE}/chat/completions", json=body) as answer:
            said = await answer.json()
            named = said["choices"][0]["message"]["content"].strip()
            if row.known is not None:
                right = named == row.area
                heapq.heappush(self.waiting, (row.known, answer.headers["x-tunewell-id"], right))
        self.sent += 1

    async def say_until(self, moment: dt.datetime) -> None:
        """Say what is known by a moment of the forum's time."""
        due = []
        while self.waiting and self.waiting[0][0] <= moment:
            due.append(heapq.heappop(self.waiting))
        await asyncio.gather(*[self._say(about, right) for _, about, right in due])

    async def _say(self, about: str, right: bool) -> None:
        body = {"interaction": about, "kind": "rating", "name": "right", "value": int(right)}
        async with self.session.post(f"{BASE}/feedback", json=body) as answer:
            if answer.status != 202:
                raise RuntimeError(await answer.text())
        self.said += 1

    async def look(self, store: Store, name: str) -> ExperimentResult:
        """What the test says now, once the database has every record."""
        for _ in range(200):
            if traffic_ledger(store).accepted >= self.sent:
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(1.2)
        now = dt.datetime.now(dt.UTC)
        settings = load_task(self.folder).spec.gateway
        result = read_experiment(store, experiment_named(store, name), settings=settings, at=now)
        self.peeks.append((now, result))
        return result

    async def run(self, store: Store, given: dict[str, Any], *, most: int) -> dict[str, Any]:
        """One test from its draft to its close."""
        settings = load_task(self.folder).spec.gateway
        assert settings is not None
        name = given["name"]
        draft_experiment(store, settings, given, author="bench")
        sign_experiment(store, name, author="bench")
        steps = len(experiment_named(store, name).design.steps)
        self.peeks = []
        asked = opened = 0
        while asked < most and self.rows:
            if opened < steps and asked >= opened * PEEK_EVERY:
                open_step(store, name, author="bench")
                opened += 1
                await asyncio.sleep(2.5)
            part, self.rows = self.rows[:PEEK_EVERY], self.rows[PEEK_EVERY:]
            for row in part:
                await self.ask(row)
            asked += len(part)
            result = await self.look(store, name)
            print(name, asked, result.outcome, result.effect, flush=True)
            if result.outcome != "INCONCLUSIVE":
                break
        same = [
            _told(store, name, settings, moment) == _shown(result) for moment, result in self.peeks
        ]
        closed = close_and_settle(store, name, settings=settings, author="bench")
        return {
            "asked": asked,
            "units": closed.units,
            "outcome": closed.outcome,
            "why": closed.why,
            "effect": str(closed.effect),
            "worst": str(closed.worst),
            "best": str(closed.best),
            "arms": [[a.name, a.units, a.with_outcome, str(a.mean)] for a in closed.arms],
            "checks": {check.name: check.status for check in closed.checks},
            "peeks": len(same),
            "peeks read again alike": sum(same),
        }


def _told(store: Store, name: str, settings: Any, moment: dt.datetime) -> Any:
    record = experiment_named(store, name)
    return _shown(read_experiment(store, record, settings=settings, at=moment))


def _shown(result: ExperimentResult) -> Any:
    return result.model_dump(mode="json", exclude={"status", "step", "share"})


async def _in_flight(replay: Replay, change: Any) -> dict[str, Any]:
    """Fifty streams while what serves is changed: each ends whole, with one version."""

    async def stream(number: int) -> tuple[str, bool]:
        await asyncio.sleep(number * 0.06)
        body = {
            "model": "any",
            "user": f"flight {number}",
            "stream": True,
            "messages": [{"role": "user", "content": "My mail does not arrive."}],
        }
        async with replay.session.post(f"{BASE}/chat/completions", json=body) as answer:
            text = (await answer.read()).decode()
        models = set(re.findall(r'"model": ?"([^"]*)"', text))
        return "/".join(sorted(models)), text.rstrip().endswith("[DONE]")

    work = [asyncio.create_task(stream(number)) for number in range(60)]
    await asyncio.sleep(0.8)
    change()
    found = await asyncio.gather(*work)
    replay.sent += len(found)
    return {
        "streams": len(found),
        "whole": sum(whole for _, whole in found),
        "by version": dict(Counter(model for model, _ in found)),
    }


async def _replay(folder: Path, secret: str, rows: list[Question]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    outcome = {"kind": "rating", "name": "right"}
    headers = {"authorization": f"Bearer {secret}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        replay = Replay(folder, rows, session)
        with Store(folder) as store:
            base = {"control": "current", "outcome": outcome, "guards": []}
            guards = [{"metric": "errors", "limit": 0.02}, {"metric": "latency", "limit": 1.5}]
            aa = {**base, "name": "aa", "candidate": "twin", "margin": 0.1, "aa": True}
            aa["steps"] = [{"share": 1.0}]
            found["A/A"] = await replay.run(store, aa, most=1_000)
            better = {**base, "name": "regressed-words", "candidate": "regressed", "margin": 0.05}
            better |= {"after": "aa", "guards": guards}
            better["steps"] = [{"share": 0.2}, {"share": 0.5}, {"share": 1.0}]
            found["better"] = await replay.run(store, better, most=2_400)
            tried = closed_experiments(store)["regressed-words"]

            def promote() -> None:
                releases.release(
                    store,
                    "production",
                    tried.candidate,
                    signed_by="bench",
                    evidence=("experiment:regressed-words",),
                    outcome=tried.outcome,
                )

            def roll_back() -> None:
                releases.roll_back(store, "production", signed_by="bench", reason="a drill")

            found["promotion"] = await _in_flight(replay, promote)
            await asyncio.sleep(2.5)
            found["rollback"] = await _in_flight(replay, roll_back)
            await asyncio.sleep(2.5)
            found["promoted again"] = await _in_flight(replay, promote)
            await asyncio.sleep(2.5)
            half = {**base, "name": "half-the-rows", "candidate": "half", "margin": 0.08}
            half |= {"goal": "no_worse", "guards": guards, "steps": [{"share": 1.0}]}
            found["half"] = await replay.run(store, half, most=10_000)
            ledger = traffic_ledger(store)
            found["ledger balances"] = ledger.balances
            found["accepted"] = ledger.accepted
            found["sent"] = replay.sent
            found["feedback"] = replay.said
            found["feedback on nothing known"] = len(orphan_feedback(store))
            found["recorded"] = sum(1 for _ in read_interactions(store))
    return found


async def _main(folder: Path, rows: list[Question]) -> dict[str, Any]:
    learned = [row for row in rows if row.at < TRAFFIC_FROM]
    traffic = [row for row in rows if row.at >= TRAFFIC_FROM]
    if ROWS:
        traffic = traffic[:ROWS]
    models = {
        "nearest": Nearest(learned),
        "regressed": Regressed(learned),
        "half": Regressed(learned[::2]),
    }
    server = SocketModelServer(
        keep=False, text=lambda body: models[body["model"]](body["messages"][-1]["content"])
    )
    await server.start(SERVER)
    (folder / "rows.jsonl").write_text('{"prompt": "a", "completion": "b"}\n', encoding="utf-8")
    head = DEFINITION.format(server=SERVER, more="").split("gateway:")[0]
    text = f"{head}gateway:\n  {ARMS.format(server=SERVER)}\n"
    (folder / "tunewell.yaml").write_text(text, encoding="utf-8")
    with Store(folder) as store:
        secret = make_key(store, "bench", ["user", "feedback", "admin"], author="bench")
        releases.release(store, "production", "nearest", signed_by="bench")
    began = time.perf_counter()
    serving = gateway(folder)
    await asyncio.to_thread(serving.__enter__)
    try:
        found = await _replay(folder, secret, traffic)
    finally:
        await asyncio.to_thread(serving.__exit__, None, None, None)
    return {
        "learned": len(learned),
        "questions": len(traffic),
        "answered by another person": sum(row.known is not None for row in traffic),
        "seconds": round(time.perf_counter() - began, 1),
        **found,
    }


def main() -> None:
    """Run it and keep the result."""
    if not DATA.exists():
        sys.exit(f"no data in {DATA}: set TUNEWELL_DATA")
    rows = questions()
    with bench_folder() as folder:
        result = asyncio.run(_main(folder, rows))
    print(json.dumps(result, indent=1))
    keep("gateway-replay", result)


if __name__ == "__main__":
    main()
