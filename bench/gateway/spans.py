"""A hundred thousand spans of each dialect, read into records.

`python -m bench gateway/spans`; SPANS (100,000). Each file is read into a store of its own,
masking included; the records of all dialects have to be equal.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.gateway.test_ingest import DIALECTS, export

from bench.machine import keep
from tunewell.gateway.draw import Hasher
from tunewell.gateway.ingest.take_in import take_in
from tunewell.gateway.masking import masker
from tunewell.store import Store
from tunewell.store.kept_traffic import read_interactions

SPANS = int(os.environ.get("SPANS", "100000"))
IN_A_LINE = 500


def _write(path: Path, make: Any) -> None:
    """Exports of so many spans a line, as a collector writes them."""
    pattern = json.dumps(make())
    with path.open("w", encoding="utf-8") as file:
        for start in range(0, SPANS, IN_A_LINE):
            spans = []
            for number in range(start, min(SPANS, start + IN_A_LINE)):
                text = pattern.replace("b7ad6b7169203331", f"{number:016x}")
                spans.append(json.loads(text.replace("s-9", f"s-{number // 5}")))
            file.write(json.dumps(export(*spans)) + "\n")


def _read(folder: Path, name: str) -> tuple[dict[str, Any], str]:
    path = folder / f"{name}.jsonl"
    _write(path, DIALECTS[name])
    project = folder / name
    project.mkdir()
    with Store(project) as store:
        wall, cpu = time.perf_counter(), time.process_time()
        done = take_in(
            store,
            path,
            hasher=Hasher(b"salt"),
            mask=masker(None),
            now=dt.datetime.now(dt.UTC),
        )
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        digest = hashlib.sha256()
        for row in read_interactions(store):
            digest.update(row.model_dump_json().encode())
    path.unlink()
    found = {"seconds": round(wall, 1), "cpu_s": round(cpu, 1), "read": done.interactions}
    return found, digest.hexdigest()


def main() -> None:
    """Run it and keep the result."""
    result: dict[str, Any] = {"spans": SPANS}
    digests = set()
    with tempfile.TemporaryDirectory() as name:
        for dialect in DIALECTS:
            result[dialect], digest = _read(Path(name), dialect)
            digests.add(digest)
    result["records_equal"] = len(digests) == 1
    print(result)
    keep("gateway-spans", result)


if __name__ == "__main__":
    main()
