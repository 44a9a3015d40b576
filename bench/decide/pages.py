"""How long home, data, a row and decisions take at 100,000 rows and 200 versions.

``python -m bench.decide.pages``; ROWS, VERSIONS, ROUNDS. The first request of each page, which may
build the index, is told by itself. Seconds of the processor: others may work beside it.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from tests.web.conftest import World
from tests.web.test_home import PAGES, large, many_versions

from bench.machine import keep
from tunewell.project import Project
from tunewell.testing.factories import sample_project
from tunewell.web import create_app

ROWS = int(os.environ.get("ROWS", "100000"))
VERSIONS = int(os.environ.get("VERSIONS", "200"))
ROUNDS = int(os.environ.get("ROUNDS", "40"))


def main() -> None:
    """Fill a store, ask for each page, write the percentiles."""
    with tempfile.TemporaryDirectory() as name:
        made = sample_project(Path(name), rows=240, outcome="GO")
        world = World(made.file, made.store, create_app(Project(made.file, made.store)))
        large(world, ROWS)
        many_versions(world, VERSIONS)
        owner = world.client("ann", "owner").client
        found = {f"{path} {asked}": _asked(owner, path, asked) for path, asked in PAGES}
        made.store.close()
    result = {"rows": ROWS, "versions": VERSIONS, "rounds": ROUNDS, "pages": found}
    print(result)
    keep("decide-pages", result)


def _asked(client: Any, path: str, asked: dict[str, Any]) -> dict[str, float]:
    """Milliseconds of the processor: the first request, the median and the 95th percentile."""
    spent = []
    for _ in range(ROUNDS + 1):
        begun = time.process_time()
        client.get(path, params=asked).raise_for_status()
        spent.append(1000 * (time.process_time() - begun))
    p50, p95 = np.quantile(spent[1:], [0.5, 0.95]).tolist()
    return {"first_ms": round(spent[0], 1), "p50_ms": round(p50, 1), "p95_ms": round(p95, 1)}


if __name__ == "__main__":
    main()
