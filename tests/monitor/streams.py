"""Invented streams: people who ask by day and hour, with whatever is planted in them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tunewell.monitor.read_records import read_rows
from tunewell.monitor.records import DatedRecords

START = dt.datetime(2024, 1, 8, tzinfo=dt.UTC)
WORDS = [f"word{chr(97 + i)}{chr(97 + j)}" for i in range(20) for j in range(20)]

Change = Callable[[int, np.random.Generator, dict[str, Any]], None]


def rows_of(
    days: int = 220,
    *,
    a_day: float = 40.0,
    seed: int = 0,
    times: Mapping[int, float] | None = None,
    change: Change | None = None,
) -> list[dict[str, Any]]:
    """Rows of a stream.

    Args:
        days: Its length.
        a_day: Rows on a weekday; two thirds of it at weekends.
        seed: Of the draw.
        times: From which day on there are how many times as many rows.
        change: What is done to each row of each day.
    """
    rng = np.random.default_rng(seed)
    hours = np.exp(-0.5 * ((np.arange(24) - 13) / 4.0) ** 2)
    hours = (hours + 0.02) / (hours + 0.02).sum()
    rows: list[dict[str, Any]] = []
    factor = 1.0
    for day in range(days):
        factor = (times or {}).get(day, factor)
        weekend = 2 / 3 if day % 7 >= 5 else 1.0
        level = a_day * factor * weekend * rng.gamma(40, 1 / 40)
        for _ in range(rng.poisson(level)):
            hour = int(rng.choice(24, p=hours))
            at = START + dt.timedelta(days=day, hours=hour, seconds=int(rng.integers(3600)))
            row: dict[str, Any] = {
                "id": f"r{len(rows)}",
                "created": at.isoformat(),
                "question": " ".join(rng.choice(WORDS, size=15)) + " please help",
                "topic": str(rng.choice(["mail", "calendar", "other"], p=[0.5, 0.2, 0.3])),
                "latency": float(rng.gamma(4, 0.5)),
                "user": f"u{int(rng.integers(5000))}",
            }
            if change is not None:
                change(day, rng, row)
            rows.append(row)
    return rows


def stream(rows: list[dict[str, Any]], name: str = "questions") -> DatedRecords:
    """The rows as records, complete to the end of the last day."""
    last = max(dt.datetime.fromisoformat(row["created"]) for row in rows)
    end = last.replace(hour=0, minute=0, second=0) + dt.timedelta(days=1)
    return read_rows(rows, name, until=end)[0]


def day_of(moment: dt.datetime) -> int:
    """Days since the start of the invented streams."""
    return (moment - START).days
