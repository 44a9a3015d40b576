"""The pass over rows on this machine and on Ray: time, memory, the same result.

python -m bench.curation.engine [ROWS …]       (needs the extra ray, and psutil)

Each way runs in a process of its own. In the last one the busiest worker of Ray is killed while it
works. Processor time and memory are summed over the process and all that it started.
"""

from __future__ import annotations

import functools
import hashlib
import json
import subprocess
import sys
import threading
import time
from typing import Any, Final

import psutil
import pyarrow as pa

from bench.curation.scale import rows_of
from bench.machine import keep
from tunewell.checks.broken import habits_of
from tunewell.curate import row_checks
from tunewell.engine import Engine

ROWS: Final = (20_000, 60_000, 200_000)
ASKED_WORDS: Final = 20
KILLED: Final = "ray, a worker killed"
WAYS: Final = {"native": "native", "ray": "ray:local", KILLED: "ray:local"}
BUSY_S: Final = 5.0
"""Processor time after which a worker is in the middle of its work."""


class Watch(threading.Thread):
    """Looks every half second at what this process started, and may kill a worker once.

    Attributes:
        peak_bytes: Most resident memory of this process, and of any single other one.
        clock: Processor seconds of each process that was seen.
    """

    def __init__(self, *, kills: bool) -> None:
        super().__init__(daemon=True)
        self.kills = kills
        self.killed = 0
        self.peak_bytes = {"caller": 0, "worker": 0}
        self.clock: dict[int, float] = {}
        self.ended = threading.Event()

    def run(self) -> None:
        """Until it is told that the work has ended."""
        while not self.ended.wait(0.5):
            self.look()

    def look(self) -> None:
        """Look once."""
        me = psutil.Process()
        self._note(me, "caller")
        for other in me.children(recursive=True):
            try:
                self._note(other, "worker")
            except psutil.NoSuchProcess:
                continue

    def _note(self, process: psutil.Process, who: str) -> None:
        times = process.cpu_times()
        seconds = times.user + times.system
        self.clock[process.pid] = seconds
        # What is shared with Ray's store of objects is no memory of a process.
        memory = process.memory_info()
        own = memory.rss - memory.shared
        self.peak_bytes[who] = max(self.peak_bytes[who], own)
        # The kernel's name of a process is cut after 15 characters.
        title = "".join(process.cmdline()[:1])
        is_worker = title.startswith("ray::") and title != "ray::IDLE"
        if self.kills and not self.killed and is_worker and seconds > BUSY_S:
            process.kill()
            self.killed = process.pid


def table_of(rows: int) -> pa.Table:
    """Chats of two turns and 60 words, as the pass takes them."""
    contents = []
    for text in rows_of(rows)[0][:rows]:
        words = text.split(" ")
        contents.append([" ".join(words[:ASKED_WORDS]), " ".join(words[ASKED_WORDS:])])
    return pa.table(
        {
            "roles": pa.array(["user assistant"] * rows, pa.large_string()),
            "contents": pa.array(contents, pa.large_list(pa.large_string())),
            "beside": pa.array([[]] * rows, pa.large_list(pa.large_string())),
        }
    )


def measure(way: str, rows: int) -> dict[str, Any]:
    """What one pass takes, and a digest of what came out."""
    table = table_of(rows)
    function = functools.partial(
        row_checks._batch,
        checks=row_checks.RowChecks(languages=True),
        habits=habits_of([]),
    )
    watch = Watch(kills=way == KILLED)
    watch.look()
    before = dict(watch.peak_bytes)
    clock = sum(watch.clock.values())
    watch.start()
    started = time.perf_counter()
    result = Engine(WAYS[way]).map(table, function)
    seconds = time.perf_counter() - started
    watch.look()
    watch.ended.set()

    digest = hashlib.sha256()
    for text in result["look"].to_pylist():
        digest.update(text.encode())
    return {
        "way": way,
        "rows": rows,
        "table_bytes": table.nbytes,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(sum(watch.clock.values()) - clock, 1),
        "caller_peak_bytes_beyond_the_table": watch.peak_bytes["caller"] - before["caller"],
        "largest_worker_peak_bytes": watch.peak_bytes["worker"],
        "workers_killed": int(watch.killed > 0),
        "digest": digest.hexdigest()[:16],
    }


def main(*arguments: str) -> None:
    """Measure every way and keep the result."""
    if arguments and arguments[0] in WAYS:
        sys.stdout.write(json.dumps(measure(arguments[0], int(arguments[1]))) + "\n")
        return
    results = []
    for count in map(int, arguments or ROWS):
        for way in WAYS:
            command = [sys.executable, "-m", "bench.curation.engine", way, str(count)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            # Ray says on standard output, too, that a worker is gone.
            said = [line for line in done.stdout.splitlines() if line.startswith('{"way"')]
            results.append(json.loads(said[0]))
            sys.stderr.write(f"{results[-1]}\n")
            keep("curation-engine", {"passes": results})


if __name__ == "__main__":
    main(*sys.argv[1:])
