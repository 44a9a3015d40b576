"""Families and leaks as rows grow: processor time, memory, planted copies found.

python -m bench.curation.families [ROWS …]

Chats of 60 words, copies planted at three rates of edited words; each size and task in a process
of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any, Final

from bench.curation.corpus import peak_bytes, reset_peak, resident_bytes
from bench.curation.corpus import share as share_of
from bench.curation.scale import COPIES, RATES, rows_of
from bench.machine import RESULTS, keep
from tunewell.similar.conversations import Conversation
from tunewell.similar.leaks import find_leaks
from tunewell.similar.row_copies import find_copies

NAME: Final = "curation-families"
ROWS: Final = (50_000, 100_000, 200_000)
TASKS: Final = ("families", "leaks")
ASKED_WORDS: Final = 20


def chat(number: int, text: str) -> Conversation:
    """A question and its answer, cut from one text."""
    words = text.split(" ")
    asked, answered = " ".join(words[:ASKED_WORDS]), " ".join(words[ASKED_WORDS:])
    return Conversation(f"r{number}", (("user", asked), ("assistant", answered)))


def measure(task: str, count: int) -> dict[str, Any]:
    """One task on so many rows; the planted copies are the test set when leaks are looked for."""
    texts, truth = rows_of(count)
    rows = [chat(number, text) for number, text in enumerate(texts)]
    reset_peak()
    before, started, clock = resident_bytes(), time.perf_counter(), time.process_time()
    if task == "families":
        found = {(i, j) for i, j in find_copies(rows).pairs.positions()}
    else:
        leaks = find_leaks(rows[:count], rows[count:])
        found = {(int(leak.train.id[1:]), int(leak.test.id[1:])) for leak in leaks}
    seconds, cpu = time.perf_counter() - started, time.process_time() - clock
    return {
        "task": task,
        "rows": len(rows),
        "text_bytes": sum(map(len, texts)),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "bytes_a_row_beyond_the_rows": round((peak_bytes() - before) / len(rows)),
        "recall": {
            f"{rate:.0%}": share_of(
                sum((i, j) in found for i, j, share in truth if share == rate), COPIES
            )
            for rate in RATES
        },
    }


def main(*arguments: str) -> None:
    """Measure, and keep the result beside what was measured before."""
    if arguments and arguments[0] in TASKS:
        sys.stdout.write(json.dumps(measure(arguments[0], int(arguments[1]))))
        return
    path = RESULTS / f"{NAME}.json"
    known = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    for count in map(int, arguments or ROWS):
        for task in TASKS:
            command = [sys.executable, "-m", "bench.curation.families", task, str(count)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            known.append(json.loads(done.stdout))
            sys.stderr.write(f"{known[-1]}\n")
            keep(NAME, {"runs": known})


if __name__ == "__main__":
    main(*sys.argv[1:])
