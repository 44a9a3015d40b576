"""Selected subsets beside random ones: banking77 and clinc150, three methods, three sizes.

python -m bench curation/select      (data from the folder that TUNEWELL_DATA names)
"""

from __future__ import annotations

import csv
import json
import os
import time
from pathlib import Path
from typing import Any, get_args

from bench.machine import keep
from tunewell.curate.rows import InputRow
from tunewell.curate.select import select
from tunewell.similar.subset import Method

SIZES = (200, 500, 2_000)


def banking(data: Path) -> list[InputRow]:
    """Questions of bank customers with 77 intents."""
    with (data / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        return [
            _row(i, line["text"], line["category"]) for i, line in enumerate(csv.DictReader(file))
        ]


def clinc(data: Path) -> list[InputRow]:
    """Queries with 150 intents."""
    parts = json.loads((data / "clinc150" / "data_full.json").read_text(encoding="utf-8"))
    return [_row(i, text, intent) for i, (text, intent) in enumerate(parts["train"])]


def _row(i: int, text: str, label: str) -> InputRow:
    return InputRow(f"r{i}", f"line:{i}", [("user", text), ("assistant", "ok")], kind=label)


def main() -> None:
    """Measure and keep."""
    data = Path(os.environ["TUNEWELL_DATA"])
    result: dict[str, Any] = {}
    for name, rows in (("banking77", banking(data)), ("clinc150", clinc(data))):
        for method in get_args(Method):
            for size in SIZES:
                started = time.perf_counter()
                found = select(rows, size, method=method)
                result[f"{name} {method} {size}"] = {
                    "seconds": round(time.perf_counter() - started, 1),
                    "words": found.words,
                    **{
                        p.name: {
                            "chosen": round(p.chosen, 4),
                            "random": round(p.random, 4),
                            "verdict": p.verdict,
                            "difference": [
                                round(x, 4)
                                for x in (p.difference.value, p.difference.low, p.difference.high)
                            ],
                        }
                        for p in found.proxies
                    },
                }
                print(name, method, size, result[f"{name} {method} {size}"], flush=True)
    keep("curation-select", {"sets": result})


if __name__ == "__main__":
    main()
