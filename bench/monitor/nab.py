"""Metric series with labelled windows: how many are found, and how many alarms are in none.

The series of the Numenta Anomaly Benchmark whose causes are known. Each is read as a user's file is
(a column of times, a column of values) and looked at with the defaults; the yearly budget is the
product's. A window is found by an alarm that is raised in it, or within a period after it; every
other alarm is false. Nothing is set for a series by its name.
Usage: ``python -m bench.monitor.nab FOLDER [YEARLY]``; the folder holds the CSV files and
``combined_windows.json``.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import sys
import time
from pathlib import Path
from typing import Any

from bench.machine import keep
from tunewell.monitor.read_records import read_rows
from tunewell.monitor.watch import look
from tunewell.types import Alarm

Window = tuple[dt.datetime, dt.datetime]
LABELS = "combined_windows.json"
LATE = dt.timedelta(days=1)


def windows_of(folder: Path) -> dict[str, list[Window]]:
    """The labelled windows of each file, UTC."""
    labels = json.loads((folder / LABELS).read_text(encoding="utf-8"))
    found = {}
    for name, pairs in labels.items():
        spans = [tuple(map(_moment, pair)) for pair in pairs]
        found[name.rpartition("/")[2]] = [(span[0], span[1]) for span in spans]
    return found


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def alarms_of(
    path: Path,
    yearly: float,
) -> tuple[list[Alarm], float]:
    """The alarms of one file, and its years after the reference."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows: list[dict[str, Any]] = []
        for number, row in enumerate(csv.DictReader(lines)):
            at = _moment(row["timestamp"]).isoformat()
            rows.append({"id": str(number), "created": at, "value": float(row["value"])})
    end = _moment(rows[-1]["created"][:19])
    records = read_rows(rows, "metric", until=end)[0]
    watched = look(records, yearly=yearly)
    first = min(each.references[0].end for each in watched.channels)
    return list(watched.alarms), (end - first).total_seconds() / (365 * 86_400)


def scored(
    alarms: list[Alarm],
    windows: list[Window],
) -> dict[str, Any]:
    """Windows that were found, and alarms that are in none."""
    found = set()
    false = []
    for alarm in alarms:
        own = [i for i, (a, b) in enumerate(windows) if a <= alarm.raised <= b + LATE]
        found |= set(own)
        if not own:
            false.append(f"{alarm.channel} {alarm.slice} {alarm.raised:%Y-%m-%d %H:%M}")
    return {"windows": len(windows), "found": len(found), "false": len(false), "which": false}


def main(
    folder: str,
    yearly: float = 0.05,
) -> None:
    """Every file of the folder."""
    started = time.process_time()
    labels = windows_of(Path(folder))
    rows = {}
    for path in sorted(Path(folder).glob("*.csv")):
        alarms, years = alarms_of(path, yearly)
        rows[path.stem] = scored(alarms, labels[path.name]) | {"years": round(years, 3)}
        print(path.stem, rows[path.stem], flush=True)
    result = {
        "yearly": yearly,
        "windows": sum(row["windows"] for row in rows.values()),
        "found": sum(row["found"] for row in rows.values()),
        "false": sum(row["false"] for row in rows.values()),
        "most false in a series": max(row["false"] for row in rows.values()),
        "series": rows,
        "processor_s": round(time.process_time() - started, 1),
    }
    print({name: value for name, value in result.items() if name != "series"})
    keep("monitor-nab", result)


if __name__ == "__main__":
    main(sys.argv[1], *map(float, sys.argv[2:]))
