"""Alarms of the public support questions of Thunderbird, one a line, for their own scorer.

Questions and answers of January 2023 to June 2024 are looked at together with the defaults; each
alarm is explained without anchors, as imported records are. The lines are what
``score_watch.py ALARMS.jsonl events.json`` beside the data reads.
Usage: ``python -m bench.monitor.support_forum FOLDER ALARMS.jsonl``.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import sys
import time
from pathlib import Path

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
) -> None:
    """Look, explain, and write the alarms."""
    started = time.process_time()
    streams = [stream_of(Path(folder), name) for name in ("questions", "answers")]
    read = time.process_time() - started
    explained = explain(look(streams), streams)
    with Path(out).open("w", encoding="utf-8") as lines:
        for alarm in explained.alarms:
            line = {
                "date": f"{alarm.raised:%Y-%m-%d}",
                "since": f"{alarm.since:%Y-%m-%d}",
                "channel": alarm.channel,
                "slice": alarm.slice,
                "cause": alarm.cause,
            }
            lines.write(json.dumps(line) + "\n")
    all_of_it = time.process_time() - started
    print(f"{len(explained.alarms)} alarms, {read:.1f} + {all_of_it - read:.1f} processor s")


if __name__ == "__main__":
    main(*sys.argv[1:])
