"""Copies, families and leaks in parts: time, memory of the caller and of workers, the same result.

python -m bench.curation.parts [ROWS …] [--ways WAY …]       (needs psutil; ray for its ways)

Chats of 60 words, copies planted at three rates of edited words. They are written to files first,
in a process of its own; the process that is measured knows the folder alone. In the last way the
busiest worker of Ray is killed while it works.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.curation.corpus import share as share_of
from bench.curation.engine import KILLED, WAYS, Watch
from bench.curation.families import chat
from bench.curation.scale import COPIES, RATES, rows_of
from bench.machine import RESULTS, keep
from tunewell.engine import Engine
from tunewell.similar.in_parts import RowParts, find_copies_in_parts, find_leaks_in_parts
from tunewell.split.families import near_in_parts

NAME: Final = "curation-parts"
ROWS: Final = (100_000, 300_000, 1_000_000)
TASKS: Final = ("copies", "families", "leaks")

Found = list[tuple[int, int]]


def write(folder: Path, count: int) -> None:
    """Write the rows, the copies alone as test rows, and which is a copy of which."""
    texts, truth = rows_of(count)
    rows = [chat(number, text) for number, text in enumerate(texts)]
    parts = {
        "all": RowParts.write(rows, folder / "all"),
        "train": RowParts.write(rows[:count], folder / "train"),
        "tests": RowParts.write(rows[count:], folder / "tests"),
    }
    said = {
        "firsts": {name: part.firsts for name, part in parts.items()},
        "truth": truth,
        "text_bytes": sum(map(len, texts)),
    }
    (folder / "said.json").write_text(json.dumps(said))


def find(task: str, folder: Path, firsts: dict[str, list[int]], engine: Engine) -> Found:
    """The pairs that one task finds, and a row's leak as a pair."""
    parts = {name: RowParts(folder / name, tuple(some)) for name, some in firsts.items()}
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        if task == "copies":
            copies = find_copies_in_parts(parts["all"], Path(scratch), engine)
            return list(copies.found.pairs.positions())
        if task == "families":
            by_input, by_row = near_in_parts(parts["all"], Path(scratch), engine)
            return [*by_input.positions(), *by_row.positions()]
        leaks = find_leaks_in_parts(parts["train"], parts["tests"], engine)
        return [(leak.train, leak.test + len(parts["train"])) for leak in leaks]


def measure(way: str, task: str, folder: Path) -> dict[str, Any]:
    """What one task takes."""
    said = json.loads((folder / "said.json").read_text())
    watch = Watch(kills=way == KILLED)
    watch.look()
    before = dict(watch.peak_bytes)
    clock = sum(watch.clock.values())
    watch.start()
    started = time.perf_counter()
    found = find(task, folder, said["firsts"], Engine(WAYS[way]))
    seconds = time.perf_counter() - started
    watch.look()
    watch.ended.set()

    rows = said["firsts"]["all"][-1]
    known = set(found)
    in_order = np.array(sorted(known), dtype=np.int64)
    return {
        "way": way,
        "task": task,
        "rows": rows,
        "text_bytes": said["text_bytes"],
        "seconds": round(seconds, 1),
        "cpu_seconds": round(sum(watch.clock.values()) - clock, 1),
        "caller_peak_bytes_beyond_its_start": watch.peak_bytes["caller"] - before["caller"],
        "largest_worker_peak_bytes": watch.peak_bytes["worker"],
        "workers_killed": int(watch.killed > 0),
        "pairs": len(found),
        "recall": {
            f"{rate:.0%}": share_of(
                sum((i, j) in known for i, j, share in said["truth"] if share == rate), COPIES
            )
            for rate in RATES
        },
        "digest": hashlib.sha256(in_order.tobytes()).hexdigest()[:16],
    }


def main(*arguments: str) -> None:
    """Measure every way and keep the result beside what was measured before."""
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", nargs="*", type=int, default=list(ROWS))
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--tasks", nargs="*", default=list(TASKS), choices=TASKS)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args(arguments)
    if asked.folder:
        result = measure(asked.ways[0], asked.tasks[0], asked.folder)
        sys.stdout.write(json.dumps(result) + "\n")
        return

    path = RESULTS / f"{NAME}.json"
    known = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    for count in asked.rows:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(
                [sys.executable, "-c", _WRITE, folder, str(count)], check=True, capture_output=True
            )
            for task in asked.tasks:
                for way in asked.ways:
                    known.append(_in_a_process(way, task, folder))
                    sys.stderr.write(f"{known[-1]}\n")
                    keep(NAME, {"runs": known})


_WRITE: Final = """
import sys
from pathlib import Path
from bench.curation.parts import write
write(Path(sys.argv[1]), int(sys.argv[2]))
"""


def _in_a_process(way: str, task: str, folder: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.curation.parts", "--folder", folder]
    command += ["--ways", way, "--tasks", task]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    # Ray says on standard output, too, that a worker is gone.
    said = [line for line in done.stdout.splitlines() if line.startswith('{"way"')]
    result: dict[str, Any] = json.loads(said[0])
    return result


if __name__ == "__main__":
    main(*sys.argv[1:])
