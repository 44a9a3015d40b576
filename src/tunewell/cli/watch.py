"""``tunewell watch``: what changed in dated records, since when, how large, and why."""

from __future__ import annotations

import datetime as dt
import json as json_module
from collections.abc import (
    Callable,
    Mapping,
    Sequence,
)
from dataclasses import replace
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
)

import typer

from tunewell.cli.common import (
    JsonOption,
    ProjectOption,
    emit,
    note,
    open_project,
    progress,
    show,
)
from tunewell.cli.verb_group import LooksByDefault
from tunewell.cli.watching import anchors as anchor_verbs
from tunewell.cli.watching.acknowledge import acknowledge
from tunewell.cli.watching.digest import digest
from tunewell.cli.watching.impact import impact
from tunewell.cli.watching.reading import queue, review
from tunewell.errors import DataError, UserError
from tunewell.plurals import per_cent, plural

if TYPE_CHECKING:
    from tunewell.monitor.evidence import CauseEvidence
    from tunewell.monitor.found import Watched
    from tunewell.monitor.records import DatedRecords
    from tunewell.types import Alarm, Estimate


def command(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="Dated rows (JSONL, CSV, Parquet, also packed); the project's traffic without.",
        ),
    ] = None,
    project: ProjectOption = Path(),
    time: Annotated[
        str,
        typer.Option("--time", metavar="COLUMN", help="Column of the time; found without it."),
    ] = "",
    reference: Annotated[
        str,
        typer.Option(
            "--reference",
            metavar="FROM..TO",
            help="Dates of the first reference; the first 16 weeks without it.",
        ),
    ] = "",
    yearly: Annotated[
        float | None,
        typer.Option(
            "--yearly",
            help="Probability of any false alarm in a year.",
            show_default="as in tunewell.yaml, else 0.05",
        ),
    ] = None,
    until: Annotated[
        str,
        typer.Option("--until", metavar="DATE", help="Look as if it were this date."),
    ] = "",
    holidays: Annotated[
        bool,
        typer.Option(
            "--holidays/--no-holidays",
            help="Whether fewer records at Christmas and Easter are usual.",
        ),
    ] = True,
    every: Annotated[
        int | None,
        typer.Option(
            "--every-records",
            help="Windows of so many records each, whenever they came; 0 for days.",
            show_default="as in tunewell.yaml, else 0",
        ),
    ] = None,
    earlier: Annotated[
        Path | None,
        typer.Option(
            "--earlier",
            metavar="FILE",
            help="An earlier fetch of the same rows: what was lost, late, edited or renamed.",
        ),
    ] = None,
    alarms: Annotated[
        Path | None,
        typer.Option("--alarms", metavar="OUT", help="Write the alarms, one JSON object a line."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show what changed in use: since when, how large, where and why."""
    stop = _day(until, "--until") if until else None
    named = _period(reference) if reference else None
    if yearly is not None and not 0 < yearly < 1:
        raise UserError(f"--yearly must be between 0 and 1. Got {yearly:g} instead.")
    if every is not None and every < 0:
        raise UserError(f"--every-records must be 0 or more. Got {every} instead.")
    if earlier is not None and len(files or ()) != 1:
        raise UserError(
            "--earlier is compared with one file of rows.",
            hint=f"tunewell watch NEW.jsonl --earlier {earlier}",
        )
    if files:
        with progress("watch: reading the records", quiet=json):
            streams, notes = _read(files, time, stop)
            known, said = _compared(streams, earlier, time)
            notes += said
        with progress("watch: looking at every channel", quiet=json):
            watched = _look(
                streams,
                named,
                0.05 if yearly is None else yearly,
                holidays,
                known,
                every or 0,
            )
    else:
        with progress("watch: looking at the traffic", quiet=json):
            watched, streams, notes = _look_at_project(
                project, stop, named, yearly, holidays, every
            )
    if alarms is not None:
        lines = [json_module.dumps(alarm_line(alarm)) for alarm in watched.alarms]
        alarms.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        note(f"{plural(len(lines), 'alarm')} written to {alarms}")
    if json:
        emit("watch", as_result(watched, streams, notes))
        return
    for each in notes:
        show(each)
    _show(watched)


def _day(
    text: str,
    option: str,
) -> dt.datetime:
    """A date that the user typed."""
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise UserError(
            f"{option} must be a date such as 2024-06-30. Got {text!r} instead."
        ) from None
    return dt.datetime(
        day.year,
        day.month,
        day.day,
        tzinfo=dt.UTC,
    )


def _period(text: str) -> tuple[dt.datetime, dt.datetime]:
    """The two dates of a reference; the second day is part of it."""
    first, dots, last = text.partition("..")
    if not dots:
        raise UserError(
            f"--reference must be two dates with two dots between them. Got {text!r} instead.",
            hint="--reference 2024-01-01..2024-04-30",
        )
    start = _day(first, "--reference")
    end = _day(last, "--reference") + dt.timedelta(days=1)
    if end <= start:
        raise UserError(f"--reference must end after it begins. Got {text!r} instead.")

    return start, end


def _look(
    streams: Sequence[DatedRecords],
    named: tuple[dt.datetime, dt.datetime] | None,
    yearly: float,
    holidays: bool,
    known: Sequence[CauseEvidence] | None,
    every: int,
) -> Watched:
    """The look and its causes, its faults told as the user's data's."""
    from tunewell.monitor.cause import explain
    from tunewell.monitor.fetches import UNCHECKED
    from tunewell.monitor.found import UncheckedChannel
    from tunewell.monitor.watch import look

    try:
        watched = look(
            streams,
            reference=named,
            yearly=yearly,
            holidays=holidays,
            every=every,
        )
        if known is None:
            alone = UncheckedChannel(channel="late edits and lost rows", reason=UNCHECKED)
            watched = replace(watched, unchecked=(*watched.unchecked, alone))
        return explain(watched, streams, known=known or ())
    except ValueError as error:
        raise _too_little(error) from error


def _read(
    files: Sequence[Path], time: str, stop: dt.datetime | None
) -> tuple[list[DatedRecords], list[str]]:
    """The streams, and what is to be said of the reading."""
    streams = []
    notes = []
    for file in files:
        records, said = _read_file(file, time, stop)
        streams.append(records)
        notes.append(said)
    return streams, notes


def _compared(
    streams: list[DatedRecords],
    earlier: Path | None,
    time: str,
) -> tuple[list[CauseEvidence] | None, list[str]]:
    """What an earlier fetch shows beside the first stream, as evidence and in words."""
    from tunewell.monitor.fetches import compare_fetches, sentences, with_edits

    if earlier is None:
        return None, []
    before, said = _read_file(earlier, time, None)
    try:
        found = compare_fetches(before, streams[0])
    except ValueError as error:
        raise DataError(
            f"{earlier}: {error}", hint="--earlier is an older copy of the file that is watched"
        ) from error
    streams[0] = replace(streams[0], edited_later=with_edits(streams[0], found))
    told = [f"between the two fetches: {each}" for each in sentences(found)]
    return found.evidence, [f"earlier fetch: {said}", *told]


def _read_file(
    file: Path,
    time: str,
    stop: dt.datetime | None,
) -> tuple[DatedRecords, str]:
    """One file as a stream, and what is to be said of the reading."""
    from tunewell.curate.reading.records import records as records_of
    from tunewell.monitor.read_records import read_rows

    if not file.is_file():
        raise DataError(f"No such file: {file}", hint="name a file of dated rows")
    values = [record.value for record in records_of(file)]
    rows = [value for value in values if isinstance(value, dict)]
    broken = sum(type(value).__name__ == "Reject" for value in values)
    if not rows:
        raise DataError(f"{file} holds no rows", hint="watch reads JSONL, CSV and Parquet")
    if time and time not in rows[0]:
        raise UserError(f"{file} has no column {time!r}", hint=f"--time one of {_columns(rows[0])}")
    try:
        records, found = read_rows(rows, _stem(file), time=time, until=stop)
    except ValueError as error:
        raise DataError(f"{file}: {error}", hint=f"--time one of {_columns(rows[0])}") from error
    if not len(records):
        raise DataError(f"{file} holds no record before {stop:%Y-%m-%d}")
    first = dt.datetime.fromtimestamp(int(records.seconds[0]), dt.UTC)
    last = dt.datetime.fromtimestamp(int(records.seconds[-1]), dt.UTC)
    left = {
        "without a time": found.undated,
        "of an id that came before": found.doubled,
        "not readable": broken,
        "after that date": found.later,
    }
    out = ", ".join(f"{count:,} {why}" for why, count in left.items() if count)
    said = (
        f"{file}: {plural(len(records), 'record')}, {first:%Y-%m-%d} to {last:%Y-%m-%d}; "
        f"time: {found.time}, id: {found.id or 'line number'}"
    )

    return records, f"{said}; left out: {out}" if out else said


def _stem(file: Path) -> str:
    """Name of a stream, after its file."""
    return file.name.split(".")[0] or file.name


def _columns(
    row: dict[str, Any],
) -> str:
    """Names to choose a column from."""
    return ", ".join(list(row)[:8])


def _look_at_project(
    path: Path,
    stop: dt.datetime | None,
    named: tuple[dt.datetime, dt.datetime] | None,
    yearly: float | None,
    holidays: bool,
    every: int | None,
) -> tuple[Watched, list[DatedRecords], list[str]]:
    """Look at the project's traffic, keep what was found, and give people what they should read.

    As of a past date it only looks: nothing is kept and nobody is given anything.
    """
    from tunewell.watching import look_at_traffic, watch_day
    from tunewell.watching_traffic import traffic_of

    with open_project(path) as project:
        traffic = traffic_of(project, until=stop)
        kept_free = None if holidays else False
        try:
            if stop is not None:
                watched = look_at_traffic(
                    project,
                    traffic,
                    reference=named,
                    yearly=yearly,
                    holidays=kept_free,
                    every=every,
                )
                opened: list[str] = []
            else:
                day = watch_day(
                    project,
                    traffic,
                    now=dt.datetime.now(dt.UTC),
                    reference=named,
                    yearly=yearly,
                    holidays=kept_free,
                    every=every,
                )
                watched = day.watched
                opened = day.said
        except ValueError as error:
            raise _too_little(error) from error
    size, said, first = traffic.counted
    told = (
        f"{plural(size, 'interaction')}, {first:%Y-%m-%d} to {traffic.until:%Y-%m-%d}, "
        f"{plural(said, 'feedback record')}"
    )
    return watched, [traffic.records], [told, *opened]


def _too_little(error: ValueError) -> DataError:
    return DataError(
        f"{error}.",
        hint="watch needs about ten days of records by the hour, or four months by the day",
    )


# --- what is shown --------------------------------------------------------------------------------


def alarm_line(alarm: Alarm) -> dict[str, Any]:
    """An alarm as one line of a file: its date is the last day that it rests on."""
    last = alarm.raised - dt.timedelta(seconds=1)
    return {
        "date": last.date().isoformat(),
        "channel": alarm.channel,
        "slice": alarm.slice,
        "cause": alarm.cause,
        "since": alarm.since.date().isoformat(),
        "since_low": alarm.since_low.date().isoformat(),
        "since_high": alarm.since_high.date().isoformat(),
        "size": alarm.size.value if alarm.size else None,
        "p_value": alarm.p_value,
        "code": alarm.code,
        "id": alarm.id,
    }


def as_result(
    watched: Watched,
    streams: Sequence[DatedRecords],
    notes: Sequence[str],
) -> dict[str, Any]:
    """A look as it is written in the envelope."""
    from tunewell.monitor.results import findings_of

    return {
        "as_of": watched.as_of,
        "yearly": watched.yearly,
        "records": {stream.name: len(stream) for stream in streams},
        "read": list(notes),
        "alarms": watched.alarms,
        "channels": [
            {
                "channel": banded.channel.name,
                "stream": banded.channel.stream,
                "slice": banded.channel.slice,
                "topic": banded.channel.topic,
                "unit": banded.channel.unit,
                "as_of": banded.channel.as_of,
                "edited_later": banded.channel.edited_later,
                "yearly": banded.yearly,
                "references": banded.references,
            }
            for banded in watched.channels
        ],
        "feedback": watched.bounds,
        "unchecked": watched.unchecked,
        "notes": watched.notes,
        "findings": findings_of(watched),
    }


def _show(watched: Watched) -> None:
    """A look for the person at the terminal."""
    show(
        f"{plural(len(watched.channels), 'channel')} watched until {watched.as_of:%Y-%m-%d}; "
        f"{per_cent(watched.yearly)} of years without change would show any alarm"
    )
    show(plural(len(watched.alarms), "alarm") if watched.alarms else "no alarm")
    for alarm in watched.alarms:
        _show_alarm(alarm)
    for bound in watched.bounds:
        show(f"quality by feedback, {bound.sentence}")
    for each in watched.unchecked:
        where = f" ({each.slice})" if each.slice else ""
        show(f"unchecked: {each.channel}{where}: {each.reason}")
    for said in watched.notes:
        show(f"note: {said}")


def _show_alarm(alarm: Alarm) -> None:
    """One alarm, in a few lines."""
    last = alarm.raised - dt.timedelta(seconds=1)
    where = "" if alarm.slice in ("", "all") else f", {alarm.slice}"
    show("")
    show(f"{last:%Y-%m-%d}  {alarm.channel}{where}")
    show(f"  since {_since(alarm)}{_figures(alarm.before, alarm.after)}")
    why = f": {alarm.cause_why}" if alarm.cause_why else ""
    show(f"  cause: {alarm.cause}{why}")
    if alarm.remedy:
        show(f"  do: {alarm.remedy}")
    if alarm.examples_after:
        before = ", ".join(alarm.examples_before[:3]) or "none"
        show(f"  rows before: {before}; since: {', '.join(alarm.examples_after[:3])}")


def _since(alarm: Alarm) -> str:
    """When it began, and between which dates at the latest."""
    low = f"{alarm.since_low:%Y-%m-%d}"
    high = f"{alarm.since_high:%Y-%m-%d}"
    between = f" (between {low} and {high})" if low != high else ""
    return f"{alarm.since:%Y-%m-%d}{between}"


def _figures(
    before: Estimate | None,
    after: Estimate | None,
) -> str:
    """Before and since."""
    if before is None or after is None:
        return ""
    from tunewell.monitor.plain_alarm import figure

    return f": {figure(before)} before, {figure(after)} since"


app = typer.Typer(
    cls=LooksByDefault,
    rich_markup_mode=None,
    help="Show what changed in use: since when, how large, where and why.",
)
app.add_typer(anchor_verbs.app, name="anchors")
VERBS: Final[Mapping[str, Callable[..., None]]] = {
    "look": command,
    "impact": impact,
    "review": review,
    "queue": queue,
    "acknowledge": acknowledge,
    "digest": digest,
}
for name, verb in VERBS.items():
    app.command(name)(verb)
