"""Results as JSON beside the description of the machine that made them."""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import scipy

RESULTS = Path(__file__).resolve().parents[1] / "results"


def machine() -> dict[str, Any]:
    """Processor, cores and versions."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
    }


def write(name: str, result: dict[str, Any], started: float) -> None:
    """Write ``bench/results/statistics_NAME.json`` and print where."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"statistics_{name}.json"
    body = {"machine": machine(), "seconds": round(time.perf_counter() - started, 1), **result}
    path.write_text(json.dumps(body, indent=1, default=float) + "\n")
    print(path.name, body["seconds"], "s")
