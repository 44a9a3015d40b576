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
from tunewell.lineage import record
from tunewell.people import Accounts, Batch, Item, Sessions, WorkStore, new_id
from tunewell.project import Project
from tunewell.store import Store
from tunewell.store.people_tables import assignments, verdicts
from tunewell.store.rows import receipts_to_table
from tunewell.task import RubricCriterion, load_task
from tunewell.types import Dataset, Example, Message, Receipt
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
    _curated(store, items)
    looker = TestClient(client.app)
    looker.cookies.set("tunewell", sessions.start(Accounts(store).create("looker", role="owner")))
    for name, path in _owners_pages(batch, items[ITEMS // 2], judged).items():
        seconds[name] = [_ask(looker, path) for _ in range(ROUNDS)]
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


def _owners_pages(batch: Batch, item: Item, judged: str) -> dict[str, str]:
    """What an owner without items of their own looks at."""
    here, there = f"/batches/{batch.id}/items", f"/batches/{judged}/items"
    return {
        "all_items": here,
        "all_items_last_page": f"{here}?at={ITEMS // 50}",
        "all_items_common_word": f"{here}?q=desk",
        "all_items_rare_word": f"{here}?q={item.example}",
        "all_items_no_match": f"{here}?q=xylophone",
        "all_items_open": f"{here}?state=open",
        "all_items_by_row": f"{here}?sort=row",
        "judged_items_newest": f"{there}?sort=newest",
        "judged_items_disagreed": f"{there}?state=disagreed",
        "one_item": f"{here}/{item.id}",
        "questions": f"/batches/{judged}/questions",
        "definition": "/definition",
        "release": "/release",
        "plan": "/plan",
    }


def _curated(store: Store, items: list[Item]) -> None:
    """A dataset with the rows of these items, and two receipts of each."""
    rows, receipts = [], []
    for number, item in enumerate(items, 1):
        turn = Message(role="user", content=item.source)
        rows.append(Example(id=item.example, messages=(turn,)))
        place = f"raw.jsonl:{number}"
        for order, action in enumerate(("changed", "kept")):
            receipts.append(
                Receipt.model_validate(
                    {
                        "row": item.example,
                        "place": place,
                        "step": "repair",
                        "order": order,
                        "action": action,
                        "rule": "white space at the ends is cut",
                    }
                )
            )
    table = store.put_table(receipts_to_table(receipts), sort=["row", "order"])
    examples = store.put_examples(rows)
    dataset = Dataset(id="d" * 64, rows=len(rows), examples=examples, receipts=table)
    with record(store, "curate", inputs={}, parameters={}) as run:
        run.outputs["dataset"] = store.put_value(dataset)


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
