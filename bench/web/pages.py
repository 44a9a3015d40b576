"""How long the server takes for each page with 100,000 items before people: `python -m bench web/pages` (ITEMS)."""

from __future__ import annotations

import datetime as dt
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from fastapi.testclient import TestClient

from bench.machine import keep
from bench.web.load import TASK
from tunewell.people import Accounts, Batch, Book, Item, new_id
from tunewell.store import Store
from tunewell.task import RubricCriterion, load_task
from tunewell.web import create_app

ITEMS = int(os.environ.get("ITEMS", "100000"))
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
    book, door = Book(store), Accounts(store)
    batch = Batch(id=new_id(), kind="review", title="pages", created=dt.datetime.now(dt.UTC), author="bench", raters=1,
                  rubric=(RubricCriterion(name="right", question="Is it right?"),))  # fmt: skip
    text = "A question of sixty words, as a desk gets them every day. " * 6
    items = [Item(id=new_id(), batch=batch.id, number=n, example=f"e{n}", arms=("tuned",), source=text, output=text)
             for n in range(ITEMS)]  # fmt: skip
    started = time.perf_counter()
    book.open_batch(batch, items)
    opened_s = time.perf_counter() - started
    accounts = [door.create(f"rater {n}", role="owner" if n == 0 else "expert") for n in range(RATERS)]
    started = time.perf_counter()
    book.share(batch, [a.id for a in accounts])
    shared_s = time.perf_counter() - started
    client = TestClient(create_app(load_task(folder), store))
    client.cookies.set("tunewell", door.sign_in(accounts[0]))
    own = f"/api/v1/queues/{batch.id}/items"
    pages = {"queue": "/", "work": f"/work/{batch.id}", "batches": "/batches", "items": own}
    seconds = {name: [_ask(client, path) for _ in range(ROUNDS)] for name, path in pages.items()}
    result: dict[str, object] = {
        "items": ITEMS,
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


def _ask(client: TestClient, path: str) -> float:
    started = time.perf_counter()
    answer = client.get(path)
    assert answer.status_code == 200, path
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
