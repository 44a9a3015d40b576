"""Date fields: the table of forms in tests/checks/test_date_columns.py, by reader.

python -m bench checks/dates

dateparser and dateutil, where installed, read each value by itself.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
import time
import warnings
from collections.abc import Callable
from typing import Any

from tests.checks.test_date_columns import READ

from bench.machine import keep
from tunewell.checks.date_columns import read_date, read_dates

DAY = dt.date(2009, 3, 12)
NO_DAYS = ("soon", "12 Mar", "until 12 March 2009", "12-14 March 2009", "version 2.1.3", "N/A")
NO_DAYS += ("9999-12-31", "1970-01-01", "31.2.2009", "10:30", "room 2009", "3 days ago")
COLUMNS = {
    "month first": (["03/04/2016", "12/31/2017"], ["2016-03-04", "2017-12-31"]),
    "day first": (["03/04/2016", "31/12/2017"], ["2016-04-03", "2017-12-31"]),
    "two digits": (["090312", "091231"], ["2009-03-12", "2009-12-31"]),
    "spreadsheet": (["39884", "40000"], ["2009-03-12", "2009-07-06"]),
    "persian": (["1387/12/22", "1388/05/31"], ["2009-03-12", "2009-08-22"]),
    "buddhist": (["12/03/2552", "31/12/2552"], ["2009-03-12", "2009-12-31"]),
}


def readers() -> dict[str, Callable[[str], dt.date | None]]:
    """Those that are installed."""
    found: dict[str, Callable[[str], dt.date | None]] = {
        "tunewell": lambda text: read_date(text).day
    }
    if importlib.util.find_spec("dateparser"):
        import dateparser

        def by_dateparser(text: str) -> dt.date | None:
            read = dateparser.parse(text)
            return read.date() if read else None

        found["dateparser"] = by_dateparser
    if importlib.util.find_spec("dateutil"):
        from dateutil import parser

        def by_dateutil(text: str) -> dt.date | None:
            try:
                return parser.parse(text).date()
            except (ValueError, OverflowError):
                return None

        found["dateutil"] = by_dateutil
    return found


def main() -> None:
    """Measure and keep."""
    warnings.simplefilter("ignore")
    result: dict[str, Any] = {"forms": len(READ), "no_days": len(NO_DAYS), "readers": {}}
    for name, read in readers().items():
        read("12 March 2009")
        clock = time.process_time()
        days = [read(form) for form in READ]
        seconds = time.process_time() - clock
        columns = [
            [str(read(value)) for value in values] == wanted for values, wanted in COLUMNS.values()
        ]
        if name == "tunewell":
            columns = [
                [str(x.day) for x in read_dates(values)] == wanted
                for values, wanted in COLUMNS.values()
            ]
        result["readers"][name] = {
            "right": days.count(DAY),
            "wrong": sum(day is not None and day != DAY for day in days),
            "unread": days.count(None),
            "days_made_of_none": sum(read(form) is not None for form in NO_DAYS),
            "columns_right": sum(columns),
            "columns": len(columns),
            "fields_per_cpu_second": round(len(READ) / seconds),
            "missed": [form for form, day in zip(READ, days, strict=True) if day != DAY],
        }
    print(json.dumps(result, indent=1, ensure_ascii=False))
    keep("checks-dates", result)


if __name__ == "__main__":
    main()
