"""What `tunewell init` shows: what it read, and what the rules would do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from tunewell.cli.common import note
from tunewell.cli.init_yaml import ReportOnly
from tunewell.curate.doctor import DoctorReport
from tunewell.curate.dry_run import LARGE_SHARE, DryRun
from tunewell.curate.first_look import DataLook
from tunewell.pitfalls import pitfall
from tunewell.plurals import plural
from tunewell.task import FieldMap

_MOST_COLUMNS = 12
_MOST_FOUND = 8
_WIDTH = 9
_CODES: Final[Mapping[ReportOnly, str]] = {
    "exact_duplicates": "D03",
    "near_duplicates": "D04",
    "broken": "D08",
}
"""The pitfall of each rule that blocks where its rows are left in."""


def show_look(look: DataLook) -> None:
    """What was read, on stderr."""
    formats = ", ".join(f"{count:,} {form}" for form, count in look.formats.items())
    unread = f"; {plural(look.unread, 'place')} not readable" if look.unread else ""
    note(f"\nRead {plural(look.rows, 'row')} ({formats}) of {', '.join(look.files)}{unread}.")
    for line in _lines(look):
        note(line)
    note("The first rows:")
    for row in look.sample:
        note(f"  {row.place}")
        note(f"    in:  {row.input}")
        note(f"    out: {row.target}")
    for said in look.notes:
        note(f"note: {said}")


def _lines(look: DataLook) -> Iterator[str]:
    for path, fields in look.fields.items():
        yield from _columns_line(path, fields, look)
    for column in look.columns[:_MOST_COLUMNS]:
        if not column.role:
            example = f"e.g. {column.example}"
            yield f"  {'unused':{_WIDTH}} {column.name} ({plural(column.rows, 'row')}, {example})"
    if look.languages:
        shares = [f"{code} {_percent(share)}" for code, share in look.languages.items()]
        yield f"  {'language':{_WIDTH}} {', '.join(shares[:6])}"
    if look.dated:
        yield f"  {'dates':{_WIDTH}} {plural(look.dated, 'row')}, {look.first} to {look.last}"
    if look.kinds:
        kinds = [f"{kind} {count:,}" for kind, count in list(look.kinds.items())[:8]]
        yield f"  {'kinds':{_WIDTH}} {', '.join(kinds)}"
    if look.speakers:
        kinds = [f"{kind or 'no kind'} {count:,}" for kind, count in look.speakers_of.items()]
        of_kinds = f" ({', '.join(kinds)})" if len(kinds) > 1 else ""
        yield f"  {'speakers':{_WIDTH}} {look.speakers}{of_kinds}"
    if look.turns:
        yield f"  {'turns':{_WIDTH}} {plural(look.turns, 'row')} with more than one question"
    if look.preferences:
        pairs = plural(look.preferences, "row")
        yield f"  {'pairs':{_WIDTH}} {pairs} with a better and a worse answer"
    if look.answers.labels:
        where = " in brackets at the beginning" if look.answers.pattern else ""
        yield f"  {'labels':{_WIDTH}} {look.answers.labels} different ones{where}"


def _columns_line(path: str, fields: FieldMap, look: DataLook) -> Iterator[str]:
    """What each column of a source was taken for."""
    used = [use for use in look.used if use.is_used and use.use in ("question", "answer")]
    for use in {(each.use, each.key): each for each in used}.values():
        guess = " (guessed from its name and texts)" if look.guessed else ""
        yield f"  {use.use:{_WIDTH}} {use.key}{guess}"
    for role in ("id", "date", "group"):
        column = getattr(fields, role)
        if column:
            yield f"  {role:{_WIDTH}} {column}"
    if fields.tags:
        yield f"  {'slices':{_WIDTH}} {', '.join(fields.tags)}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def show_doctor(report: DoctorReport) -> None:
    """What the data suffer from, the worst first, on stderr."""
    found = [finding for finding in report.findings if finding.status == "found"]
    if not found:
        note("\ntunewell doctor found nothing.")
        return
    note(f"\ntunewell doctor found {plural(len(found), 'problem')}:")
    for finding in found[:_MOST_FOUND]:
        mark = "blocks" if finding.blocking else "found"
        note(f"  {mark:6} {finding.code} {pitfall(finding.code).name}: {finding.why}")


def show_rules(run: DryRun, reported: Iterable[ReportOnly]) -> None:
    """What the rules would drop, change and hold back, on stderr."""
    note(f"\nThe rules would keep {run.kept:,} of {plural(run.read, 'row')}:")
    lines = [
        *(_dropped(step, count, run) for step, count in run.dropped.items()),
        *(f"  change {count:>6,}  {step}" for step, count in run.changed.items()),
        *(
            f"  ask    {count:>6,}  {step}: more than {_percent(LARGE_SHARE)} of the rows; "
            "kept until rules.confirmed names the rule"
            for step, count in run.held_back.items()
        ),
        *(f"  report         {rule}: found, and left in{_price(rule)}" for rule in reported),
    ]
    for line in lines or ["  nothing is dropped or changed"]:
        note(line)


def _price(rule: ReportOnly) -> str:
    """What it costs to leave so many of these rows in; nothing where they never block."""
    code = _CODES.get(rule)
    return f"; for a GO somebody has to accept {code} (tunewell accept)" if code else ""


def _dropped(step: str, count: int, run: DryRun) -> str:
    share = f" ({_percent(count / run.read)} of the rows)" if step in run.large else ""
    return f"  drop   {count:>6,}  {step}{share}"
