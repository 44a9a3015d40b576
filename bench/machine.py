"""What machine a result was measured on, and where results are kept."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def describe() -> dict[str, Any]:
    """Processor, cores, memory, Python and the versions of the libraries that matter."""
    info = (
        Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    )
    names = [
        line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")
    ]
    flags = next((line for line in info.splitlines() if line.startswith("flags")), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    packages = {}
    for name in ("torch", "transformers", "daft", "numpy", "pyarrow"):
        try:
            packages[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "features": [f for f in ("avx512f", "avx512_bf16", "amx_bf16") if f in flags],
        "memory_gib": round(memory / 2**30, 1),
        "python": sys.version.split()[0],
        "packages": packages,
    }


def keep(name: str, result: dict[str, Any]) -> Path:
    """Write a result with the machine's description to ``bench/results/NAME.json``."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(
        json.dumps({"machine": describe(), **result}, indent=1) + "\n", encoding="utf-8"
    )
    return path
