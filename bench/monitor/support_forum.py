"""Alarms on the public support questions of Thunderbird, scored by the scorer beside the data.

Questions and answers of January 2023 to June 2024 are looked at together with the defaults; each
alarm is explained without anchors, as imported records are. The lines are those that
``tunewell watch --alarms`` writes: the date is the last day that an alarm rests on.
Usage: ``python -m bench.monitor.support_forum FOLDER ALARMS.jsonl [RECORDS A WINDOW]``; what the
scorer says is kept in ``bench/results``.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.machine import keep
from tunewell.cli.watch import alarm_line
from tunewell.monitor.cause import explain
from tunewell.monitor.read_records import read_rows
from tunewell.monitor.records import DatedRecords
from tunewell.monitor.watch import look

UNTIL = dt.datetime(2024, 7, 1, tzinfo=dt.UTC)


def stream_of(
    folder: Path,
    name: str,
) -> DatedRecords:
    """Questions or answers up to the end of the time that events are known of."""
    with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return read_rows(rows, name, until=UNTIL)[0]


def main(
    folder: str,
    out: str,
    every: str = "0",
) -> None:
    """Look, explain, write the alarms and have them scored."""
    started = time.process_time()
    streams = [stream_of(Path(folder), name) for name in ("questions", "answers")]
    explained = explain(look(streams, every=int(every)), streams)
    took = time.process_time() - started
    lines = [json.dumps(alarm_line(alarm)) + "\n" for alarm in explained.alarms]
    Path(out).write_text("".join(lines), encoding="utf-8")
    said = scored(Path(folder), out)
    print(json.dumps(said["summary"]))
    result = {
        "summary": said["summary"],
        "must": [event for event in said["events"] if event["must"]],
        "false": said["false"],
        "processor_seconds": round(took, 1),
    }
    keep("monitor-support-forum" + (f"-{every}" if int(every) else ""), result)


def scored(
    folder: Path,
    alarms: str,
) -> dict[str, Any]:
    """What the scorer beside the data says."""
    command = [sys.executable, str(folder / "score_watch.py"), alarms]
    command += [str(folder / "events.json"), "--json"]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
