"""`tunewell doctor` on 100,000 chat rows with planted pitfalls: time, memory, hits, false alarms.

python -m bench curation/doctor
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bench.machine import keep
from tunewell.stats.precision import observed_share as share
from tunewell.testing.planted import Corpus, Plant, corpus

ROWS = 100_000
GROUND = 93
"""Per cent of the rows that are clean to begin with; the others are what was planted."""


def plant(rows: int) -> Corpus:
    """About ``rows`` chat rows of 60 words, with as many of each defect as there is room for."""
    return corpus(clean=rows * GROUND // 100, each=rows * (100 - GROUND) // 100 // 40)


def measure(folder: Path, made: Corpus) -> tuple[dict[str, Any], dict[str, Any]]:
    """The command as a user types it: its JSON, and what it cost, its child processes included."""
    for name, part in (("train", made.rows), ("eval", made.evaluation)):
        Path(folder, f"{name}.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in part), encoding="utf-8"
        )
    command = [
        sys.executable,
        "-m",
        "tunewell.cli.main",
        "doctor",
        "train.jsonl",
        "--eval",
        "eval.jsonl",
        "--json",
    ]
    started = time.perf_counter()
    with Path(folder, "out.json").open("wb") as out:
        child = subprocess.Popen(
            command,
            cwd=folder,
            stdout=out,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        peak = _watch(child.pid, child)
    seconds = time.perf_counter() - started
    usage = os.times()
    cost = {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(usage.children_user + usage.children_system, 1),
        "peak_megabytes_all_processes": round(peak / 1e6),
        "exit": child.returncode,
        "file_megabytes": round(Path(folder, "train.jsonl").stat().st_size / 1e6, 1),
    }
    return json.loads(Path(folder, "out.json").read_text(encoding="utf-8")), cost


def _watch(pid: int, child: subprocess.Popen[bytes]) -> int:
    """The most memory that a process and its children held for themselves (USS), in bytes."""
    peak = 0
    while child.poll() is None:
        peak = max(peak, sum(_held(each) for each in _family(pid)))
        time.sleep(0.25)
    return peak


def _family(pid: int) -> list[int]:
    try:
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [pid, *(each for name in below for each in _family(int(name)))]


def _held(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Private_"))


def judge(made: Corpus, findings: list[dict[str, Any]]) -> dict[str, Any]:
    """Recall of each planted kind, and flags on clean rows and on traps, by pitfall."""
    flagged = {
        f["code"]: {*f.get("rows", ()), *(i for g in f.get("families", ()) for i in g)}
        for f in findings
    }
    by_kind: dict[str, list[Plant]] = {}
    for each in made.truth:
        by_kind.setdefault(f"{each.code} {each.kind}".strip(), []).append(each)
    sources = {each.other for each in made.truth}
    clean = set(made.clean) - sources
    return {
        "recall": {
            kind: _share(sum(p.row in flagged.get(p.code, ()) for p in plants), len(plants))
            for kind, plants in sorted(by_kind.items())
            if plants[0].code
        },
        "traps_flagged": {
            kind: _share(sum(p.row in flagged.get("D07", ()) for p in plants), len(plants))
            for kind, plants in sorted(by_kind.items())
            if not plants[0].code
        },
        "clean_rows_flagged": {
            code: _share(len(rows & clean), len(clean))
            for code, rows in sorted(flagged.items())
            if rows
        },
    }


def _share(hits: int, n: int) -> dict[str, float]:
    found = share(hits, n)
    return {
        "value": round(found.value, 5),
        "low": round(found.low, 5),
        "high": round(found.high, 5),
        "n": n,
    }


def main() -> None:
    """Measure and keep."""
    rows = int(os.environ.get("ROWS", ROWS))
    made = plant(rows)
    with tempfile.TemporaryDirectory() as folder:
        envelope, cost = measure(Path(folder), made)
    result = envelope["result"]
    statuses = {f["code"]: f["status"] for f in result["findings"]}
    planted = dict(Counter(p.code or "trap" for p in made.truth))
    kept = {
        "rows": result["rows"],
        **cost,
        "inside_seconds": result["seconds"],
        "statuses": statuses,
        "planted": planted,
        **judge(made, result["findings"]),
    }
    print(json.dumps(kept, indent=1))
    if rows == ROWS:
        keep("curation-doctor", kept)


if __name__ == "__main__":
    main()
