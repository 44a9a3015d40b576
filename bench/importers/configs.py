"""Import every public configuration: python -m bench.importers.configs FOLDER [NAME].

Counts files that give a project which validates, keys without a line, and configurations that held
out nothing. The result is kept as ``importers-NAME.json``.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bench.machine import keep
from tunewell.errors import UserError
from tunewell.importers import import_project
from tunewell.importers.blueprint import HELD_OUT_NOTHING
from tunewell.importers.source_files import read_value
from tunewell.importers.source_keys import is_covered, leaves
from tunewell.task import load_task


def measure(folder: Path, target: Path) -> dict[str, Any]:
    """One family of configurations."""
    counts: Counter[str] = Counter()
    fates: Counter[str] = Counter()
    refused = {}
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".yaml", ".yml", ".toml"))
    for number, path in enumerate(files):
        try:
            result = import_project(path, target / str(number))
        except UserError as error:
            refused[path.name] = error.message
            continue
        load_task(target / str(number))
        counts["valid"] += 1
        noted = {line.key for line in result.lines}
        keys = [key for key, _ in leaves(read_value(path))]
        counts["keys"] += len(keys)
        counts["ignored"] += sum(not is_covered(key, noted) for key in keys)
        counts["held out nothing"] += any(HELD_OUT_NOTHING in note for note in result.notes)
        fates.update(line.fate for line in result.lines)
    return {"files": len(files), **counts, "fates": dict(fates), "refused": refused}


def main() -> None:
    """Measure and keep the result."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data/configs")
    started = time.process_time()
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        for family in sorted(path for path in root.iterdir() if path.is_dir()):
            result[family.name] = measure(family, Path(folder) / family.name)
    seconds = round(time.process_time() - started, 1)
    name = sys.argv[2] if len(sys.argv) > 2 else "configs"
    print(keep(f"importers-{name}", {"processor_s": seconds, **result}).name)


if __name__ == "__main__":
    main()
