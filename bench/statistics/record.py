"""Results of the statistics as JSON, beside the description of the machine that made them."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from bench.machine import keep


def write(name: str, result: dict[str, Any], started: float) -> None:
    """Write ``bench/results/statistics_NAME.json`` and print where."""
    seconds = round(time.perf_counter() - started, 1)
    # What the machine did meanwhile is in the seconds, not in these.
    spent = os.times()
    cpu = round(sum(spent[:4]), 1)
    plain = json.loads(json.dumps(result, default=float))
    print(
        keep(f"statistics_{name}", {"seconds": seconds, "cpu_seconds": cpu, **plain}).name,
        seconds,
        "s",
    )
