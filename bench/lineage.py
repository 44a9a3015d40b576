"""How long `why` takes: python -m bench.lineage (100,000 rows, 200 questions)."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from bench.machine import keep
from tunewell.lineage import record, why
from tunewell.store import Store
from tunewell.store.rows import receipts_to_table
from tunewell.types import Dataset, Example, Message, Receipt

ROWS = 100_000


def main() -> None:
    """Measure and keep the result."""
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
        examples = [
            Example(id=f"r{i:06}", messages=(Message(role="user", content="q"),))
            for i in range(ROWS)
        ]
        receipts = [
            Receipt(row=e.id, place=f"f:{i}", step="end", order=0, action="kept", rule="")
            for i, e in enumerate(examples)
        ]
        with record(store, "curate", inputs={}, parameters={}) as run:
            table = receipts_to_table(receipts)
            kept = store.put_table(table, sort=["row", "order"])
            dataset = Dataset(
                id="d", rows=ROWS, examples=store.put_examples(examples), receipts=kept
            )
            run.outputs["dataset"] = store.put_value(dataset)
        why(store, "r000000")
        times = []
        for i in range(200):
            started = time.perf_counter()
            why(store, f"r{i * ROWS // 200:06}")
            times.append((time.perf_counter() - started) * 1000)
    times.sort()
    result = {
        "rows": ROWS,
        "median_ms": statistics.median(times),
        "p95_ms": times[190],
        "worst_ms": times[-1],
    }
    print(keep("lineage", result).name, result)


if __name__ == "__main__":
    main()
