"""Readings of quality in use: kept as events, imported from files, told once however often said."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, get_args

from tunewell.decide import QualityReading
from tunewell.decide.decay import ReadBy
from tunewell.errors import DataError, UserError
from tunewell.json_text import parse_json
from tunewell.stats import proportion
from tunewell.store import Store

EVENT: Final = "quality-reading"

HINT: Final = (
    "each row: at (a date or time), version, wrong and n (answers judged, and how many were "
    "wrong), by (people, judge or labels)"
)


def quality_readings(store: Store) -> tuple[QualityReading, ...]:
    """Every reading, in the order of its time; of two of one window the newer."""
    newest = {}
    for event in store.said(EVENT):
        reading = QualityReading.model_validate(event.record)
        newest[reading.version, reading.at, reading.by] = reading
    return tuple(
        sorted(
            newest.values(),
            key=lambda each: (each.at, each.version),
        )
    )


def keep_readings(store: Store, readings: Iterable[QualityReading], *, author: str) -> int:
    """Append readings that are not there yet, or otherwise; how many were new."""
    known = set(quality_readings(store))
    new = [reading for reading in readings if reading not in known]
    for reading in new:
        record = reading.model_dump(mode="json")
        store.say(
            EVENT,
            reading.version,
            author=author,
            record=record,
        )
    return len(new)


def import_readings(store: Store, path: Path, *, versions: Iterable[str], author: str) -> int:
    """Take readings from JSON lines or CSV; the same file again changes nothing.

    Args:
        store: Of the project.
        path: The file.
        versions: Digests of the adapters that there are; a reading may name one by its beginning.
        author: Who imports it.

    Returns:
        How many were new.

    Raises:
        DataError: A row is not a reading; nothing is taken then.
        UserError: The file cannot be read.
    """
    known = tuple(versions)
    found = []
    for number, row in _rows(path):
        try:
            found.append(_reading(row, known))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"not a reading of quality: {_said(error)}",
                place=f"{path.name}:{number}",
                hint=HINT,
            ) from error
    return keep_readings(
        store,
        found,
        author=author,
    )


def _said(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"no field {error.args[0]!r}"
    return str(error).splitlines()[0]


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path.name} is not UTF-8 (byte {error.start})",
            hint=HINT,
        ) from None
    if path.suffix.lower() == ".csv":
        yield from enumerate(
            csv.DictReader(io.StringIO(text)),
            start=2,
        )
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                row = parse_json(line)
            except ValueError as error:
                place = f"{path.name}:{number}"
                raise DataError(
                    f"not JSON: {error}",
                    place=place,
                    hint=HINT,
                ) from error
            yield number, row if isinstance(row, dict) else {}


def _reading(row: Mapping[str, Any], versions: tuple[str, ...]) -> QualityReading:
    count, wrong = int(row["n"]), int(row["wrong"])
    if not 0 <= wrong <= count or count < 1:
        raise ValueError(f"wrong is {wrong} of n = {count}")
    by = str(row.get("by") or "people")
    if by not in get_args(ReadBy):
        raise ValueError(f"by is {by!r}, not one of {', '.join(get_args(ReadBy))}")
    return QualityReading.model_validate(
        {
            "at": _time(str(row["at"])),
            "version": _version(str(row["version"]), versions),
            "wrong": proportion(
                wrong,
                count,
                method="wilson",
            ),
            "by": by,
        }
    )


def _time(text: str) -> dt.datetime:
    at = dt.datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)


def _version(name: str, versions: tuple[str, ...]) -> str:
    fitting = [version for version in versions if name and version.startswith(name)]
    if len(fitting) != 1:
        shown = ", ".join(version[:12] for version in versions) or "none yet"
        raise ValueError(f"no version {name[:40]!r}; there are: {shown}")
    return fitting[0]
