"""How long each page takes with 100,000 items in one batch and 50,000 verdicts in another.

`python -m bench web/pages`; ITEMS, VERDICTS.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import tempfile
import time
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from fastapi.testclient import TestClient

from bench.machine import keep
from bench.web.load import TASK
from tunewell.people import Accounts, Batch, Item, Sessions, WorkStore, new_id
from tunewell.project import Project
from tunewell.store import Store
from tunewell.store.people_tables import assignments, verdicts
from tunewell.task import RubricCriterion, load_task
from tunewell.web import create_app

ITEMS = int(os.environ.get("ITEMS", "100000"))
VERDICTS = int(os.environ.get("VERDICTS", "50000"))
RATERS = 20
ROUNDS = 60


def main() -> None:
    """Fill a store, ask for each page sixty times, write the percentiles."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tunewell.yaml").write_text(TASK, encoding="utf-8")
        with Store(folder) as store:
            print(json.dumps(measure(folder, store), indent=2))


def measure(folder: Path, store: Store) -> dict[str, object]:
    """The figures, which are kept under bench/results as well."""
    work_store, sessions = WorkStore(store), Sessions(store)
    batch = Batch(
        id=new_id(),
        kind="review",
        title="pages",
        created=dt.datetime.now(dt.UTC),
        author="bench",
        raters=1,
        rubric=(RubricCriterion(name="right", question="Is it right?"),),
    )
    text = "A question of sixty words, as a desk gets them every day. " * 6
    items = [
        Item(
            id=new_id(),
            batch=batch.id,
            number=n,
            example=f"e{n}",
            arms=("tuned",),
            source=text,
            output=text,
        )
        for n in range(ITEMS)
    ]
    started = time.perf_counter()
    work_store.open_batch(batch, items)
    opened_s = time.perf_counter() - started
    accounts = [
        Accounts(store).create(f"rater {n}", role="owner" if n == 0 else "expert")
        for n in range(RATERS)
    ]
    started = time.perf_counter()
    work_store.share(batch, [a.id for a in accounts])
    shared_s = time.perf_counter() - started
    client = TestClient(create_app(Project(load_task(folder), store)))
    client.cookies.set("tunewell", sessions.start(accounts[0]))
    judged = _judged(work_store, store, [a.id for a in accounts])
    started = time.perf_counter()
    client.get(f"/batches/{judged}")
    first_s = time.perf_counter() - started
    pages = {
        "queue": "/",
        "work": f"/work/{batch.id}",
        "batches": "/batches",
        "items": f"/api/v1/queues/{batch.id}/items",
        "results": f"/batches/{judged}",
        "results_api": f"/api/v1/batches/{judged}/results",
        "people": "/people",
        "log": "/audit",
    }
    seconds = {name: [_ask(client, path) for _ in range(ROUNDS)] for name, path in pages.items()}
    result: dict[str, object] = {
        "with_items": ITEMS,
        "with_verdicts": VERDICTS,
        "first_look_at_results_s": round(first_s, 1),
        "open_batch_s": round(opened_s, 1),
        "share_out_s": round(shared_s, 1),
        "load_average": os.getloadavg()[0],
        **{
            name: {f"p{q}_ms": round(1000 * float(np.percentile(values, q)), 1) for q in (50, 95)}
            for name, values in seconds.items()
        },
    }
    keep("web_pages", result)
    return result


def _judged(work_store: WorkStore, store: Store, people: list[str]) -> str:
    """A review with its verdicts in: two people on each output."""
    luck, now = random.Random(1), dt.datetime.now(dt.UTC).isoformat()
    batch = Batch(
        id=new_id(),
        kind="review",
        title="judged",
        created=dt.datetime.now(dt.UTC),
        author="bench",
        raters=2,
        rubric=(
            RubricCriterion(name="right", question="Is it right?"),
            RubricCriterion(name="helpful", question="How helpful is it?", scale="1-5"),
        ),
        error_tags=("wrong rate", "wrong date"),
    )
    items = [
        Item(
            id=new_id(),
            batch=batch.id,
            number=n,
            example=f"e{n // 2}",
            arms=(("tuned", "prompted")[n % 2],),
            source="A question.",
            output="An answer.",
            slices={"region": "abc"[n // 2 % 3]},
            family=f"f{n // 6}",
        )
        for n in range(VERDICTS // 2)
    ]
    work_store.open_batch(batch, items)
    work_store.share(batch, people)
    with store.connection(write=True) as connection:
        seats = connection.execute(
            sa.select(assignments.c.item, assignments.c.account).where(
                assignments.c.batch == batch.id
            )
        ).all()
        said = [
            {
                "scores": {"right": float(luck.random() < 0.8), "helpful": luck.randint(1, 5)},
                "tags": ["wrong rate"] if luck.random() < 0.1 else [],
            }
            for _ in seats
        ]
        connection.execute(
            sa.insert(verdicts),
            [
                {
                    "account": account,
                    "key": str(n),
                    "item": item,
                    "batch": batch.id,
                    "seconds": 5 + luck.random(),
                    "at": now,
                    "version": batch.version,
                    "record": json.dumps(said[n]),
                }
                for n, (item, account) in enumerate(seats)
            ],
        )
    return batch.id


def _ask(client: TestClient, path: str) -> float:
    started = time.perf_counter()
    answer = client.get(path)
    assert answer.status_code == 200, path
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
