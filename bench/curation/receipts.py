"""What receipts cost: the same curation with a receipt for every row and without any, in turns.

python -m bench curation/receipts
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa

from bench.machine import keep
from tunewell.curate import curate
from tunewell.curate.receipts import Ledger, StepRule
from tunewell.store import Store
from tunewell.store.rows import RECEIPTS
from tunewell.task import load_task
from tunewell.testing.planted import corpus

ROWS = 9_000
"""Below the number from which other processes help: all the work is counted."""

TURNS = 7


class Silent(Ledger):
    """Drops rows as the ledger does and writes nothing down but what later steps need."""

    def _write(
        self,
        row: str,
        place: str,
        action: str,
        by: StepRule,
        evidence: str,
        other: str,
    ) -> None:
        if by.code:
            self.seen(by.code, [row])

    def keep(self, *_: object) -> None:
        """Nothing is written."""

    def fates(self) -> dict[str, str]:
        """Nothing is known."""
        return {}

    def table(self) -> pa.Table:
        """No receipts."""
        return RECEIPTS.empty_table()


def once(project: Path, ledger: type[Ledger]) -> tuple[float, str]:
    """Processor seconds of curation, the writing of the dataset included, and the dataset's id."""
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
        file = load_task(project, environment={})
        with mock.patch("tunewell.curate.pipeline.Ledger", ledger):
            started = time.process_time()
            dataset = curate(file, store)
            return time.process_time() - started, dataset.examples


def main() -> None:
    """Measure and keep."""
    made = corpus(seed=3, clean=ROWS * 93 // 100, each=ROWS * 7 // 100 // 40)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "a.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in made.rows), encoding="utf-8"
        )
        Path(folder, "tunewell.yaml").write_text(
            "task: {name: a, about: what receipts cost, input: asked, output: said}\n"
            "data: [{path: a.jsonl}]\n",
            encoding="utf-8",
        )
        once(Path(folder), Ledger)  # warm
        seconds: dict[str, list[float]] = {"with": [], "without": []}
        digests = set()
        for _ in range(TURNS):
            for name, ledger in (("with", Ledger), ("without", Silent)):
                spent, digest = once(Path(folder), ledger)
                seconds[name].append(spent)
                digests.add(digest)
    ratios = sorted(a / b - 1 for a, b in zip(seconds["with"], seconds["without"], strict=True))
    result: dict[str, Any] = {
        "rows": len(made.rows),
        "cpu_seconds": {name: [round(s, 2) for s in each] for name, each in seconds.items()},
        "overhead_median": round(statistics.median(ratios), 4),
        "overhead_lowest_and_highest": [round(ratios[0], 4), round(ratios[-1], 4)],
        "same_dataset_each_time": len(digests) == 1,
    }
    print(result)
    keep("curation-receipts", result)


if __name__ == "__main__":
    main()
