"""``tunewell demo``: an invented service desk with planted faults, from raw files to a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from tunewell.cli.common import JsonOption, emit, note, out, show
from tunewell.cli.live import Watch
from tunewell.cli.terminal import SafeConsole
from tunewell.plurals import per_cent

if TYPE_CHECKING:
    from tunewell.demo.desk_team import DeskTeam
    from tunewell.demo.dumped import DumpedComparison
    from tunewell.demo.plant_audit import PlantAudit
    from tunewell.demo.whole_demo import DemoResult
    from tunewell.types import Verdict


MUCH_LONGER = 1.5
"""Times the planned time."""

WIDE = 120
"""Columns of a table where there is no terminal."""


def command(
    folder: Annotated[
        Path,
        typer.Argument(help="Folder to work in.", show_default="tunewell-demo"),
    ] = Path("tunewell-demo"),
    minutes: Annotated[
        float,
        typer.Option(help="How long the whole may take, about.", min=1),
    ] = 10.0,
    tokens: Annotated[
        int,
        typer.Option(help="Train on so many tokens, whatever time that takes; 0 = what fits."),
    ] = 0,
    rows: Annotated[int, typer.Option(help="Raw rows.", min=60, max=1000)] = 800,
    seed: Annotated[int, typer.Option(help="Another seed is another desk.")] = 7,
    data_only: Annotated[
        bool,
        typer.Option("--data-only", help="Only write the project, to play with."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """See everything on an invented desk, in about ten minutes.

    The data of its service has planted faults; its size is chosen by the speed of this machine.
    Ends with a report, and with work for two invented experts in the web app. What is finished is
    reused.
    """
    if data_only:
        _write_data(folder, seed=seed, rows=rows, json=json)
        return
    from tunewell.demo.whole_demo import DemoOptions, run_demo

    options = DemoOptions(folder, seed=seed, rows=rows, minutes=minutes, tokens=tokens)
    watch = Watch(quiet=json)
    result = run_demo(options, bars=watch.bar, live=watch.point, say=note)
    if json:
        emit("demo", _as_json(result), verdict=result.verdict.outcome)
        return
    out.print()
    _show_audit(result.audit)
    _show_comparison(result.compared)
    for finding in result.growth:
        show(f"More rows ({finding.code} {finding.status}): {finding.why}\n")
    _show_verdict(result.verdict)
    _show_team(options.project, result.team)
    out.print(f"Report: {result.report.resolve()}", markup=False, soft_wrap=True)
    note(_time_taken(result.seconds, planned_s=0 if tokens else 60 * minutes))


def _time_taken(seconds: float, *, planned_s: float) -> str:
    """How long it took, and why that was much longer than planned."""
    from tunewell.report.number_format import duration

    told = f"took {duration(seconds)}"
    if not planned_s or seconds < MUCH_LONGER * planned_s:
        return told
    return (
        f"{told} instead of about {duration(planned_s)}: the machine was slower than measured at "
        "the start, as when other programs use its cores"
    )


def _write_data(folder: Path, *, seed: int, rows: int, json: bool) -> None:
    from tunewell.demo.make_desk import make_desk

    truth = make_desk(folder, seed=seed, rows=rows)
    counts = {name: len(truth[name]) for name in ("clean", "planted", "exam")}
    if json:
        emit("demo", {"folder": str(folder), **counts})
        return
    show(
        f"{folder}: {counts['clean']} clean rows, {counts['planted']} spoiled, "
        f"{counts['exam']} for the test"
    )
    note(f"\nhint: tunewell run {folder}")


def _as_json(result: DemoResult) -> dict[str, object]:
    audit, compared = result.audit, result.compared
    return {
        "planted": [vars(line) for line in audit.lines],
        "wrongly_dropped": dict(audit.wrongly_dropped),
        "wrongly_changed": dict(audit.wrongly_changed),
        "lost_exceptions": list(audit.lost_exceptions),
        "clean": audit.clean,
        "compared": [vars(figure) for figure in compared.figures],
        "verdict": result.verdict,
        "report": str(result.report),
        "seconds": round(result.seconds),
    }


def _show_audit(found: PlantAudit) -> None:
    """Planted, caught, missed; then what was dropped by mistake."""
    table = Table(title="What was planted, and what curation did", title_justify="left")
    for name in ("pitfall", "planted as", "expected"):
        table.add_column(name)
    for name in ("planted", "caught", "by another rule", "missed"):
        table.add_column(name, justify="right")
    for line in found.lines:
        table.add_row(
            line.code,
            line.what,
            line.expected,
            str(line.planted),
            str(line.caught),
            str(line.otherwise or ""),
            str(len(line.missed) or ""),
        )
    planted = sum(line.planted for line in found.lines)
    caught = sum(line.caught for line in found.lines)
    table.add_section()
    table.add_row("", "together", "", str(planted), str(caught), "", str(planted - caught))
    _print_wide(table)

    wrong = found.wrongly_dropped
    show(
        f"Wrongly dropped: {len(wrong)} of {found.clean} clean rows "
        f"({per_cent(len(wrong) / found.clean, 1)})."
    )
    for row, code in wrong.items():
        show(f"  {row} under {code}")
    if found.stood_in:
        show(f"  and {len(found.stood_in)} clean rows whose planted copy was kept in their place")
    show(f"Look-alikes of personal data that were masked by mistake: {len(found.wrongly_changed)}.")
    show(f"Landmark rows lost to the age rule: {len(found.lost_exceptions)}.\n")


def _print_wide(table: Table) -> None:
    """A table, in a file or a pipe as wide as it needs."""
    width = None if out.is_terminal else WIDE
    SafeConsole(width=width, file=out.file).print(table)


def _show_comparison(found: DumpedComparison) -> None:
    """Dumped against curated, metric by metric."""
    table = Table(
        title="Everything dumped in against the curated rows; differences are paired",
        title_justify="left",
    )
    for name in ("metric", "dumped", "curated", "curated minus dumped"):
        table.add_column(name, no_wrap=True)
    for figure in found.figures:
        arrow = "↑" if figure.info.bigger_is_better else "↓"
        unit = "" if figure.info.unit == "share" else f" ({figure.info.unit})"
        name = f"{figure.info.title} {arrow}{unit}"
        table.add_row(name, str(figure.dumped), str(figure.curated), str(figure.gain))
    _print_wide(table)
    show(
        f"Same base model and recipe; {found.tokens[0]:,} training tokens drawn from "
        f"{found.raw_rows} raw rows against {found.tokens[1]:,} from the curated ones. "
        f"Both answer the same {found.rows} test rows; {found.left_out} "
        "more are in the raw data too and are left out, since the dumped model has seen them."
    )
    show(f"{_in_a_sentence(found)}\n")


def _in_a_sentence(found: DumpedComparison) -> str:
    """What the intervals say of the differences."""
    better, worse, unclear = [], [], []
    for figure in found.figures:
        gain, rises = figure.gain, figure.info.bigger_is_better
        if gain.low <= 0 <= gain.high:
            unclear.append(figure.info.title)
        elif (gain.low > 0) == rises:
            better.append(figure.info.title)
        else:
            worse.append(figure.info.title)
    said = {
        "Better with the curated rows": better,
        "Worse with them": worse,
        f"No difference that {found.rows} rows could show": unclear,
    }
    return ". ".join(f"{what}: {', '.join(names)}" for what, names in said.items() if names) + "."


def _show_verdict(verdict: Verdict) -> None:
    """The verdict and each gate."""
    show(f"Verdict: {verdict.outcome}. {verdict.why}")
    for criterion in verdict.criteria:
        where = f" ({criterion.slice})" if criterion.slice else ""
        figure = criterion.estimate or criterion.why
        show(f"  {criterion.outcome:13} {criterion.name}{where}: {figure}")
    out.print()


def _show_team(project: Path, team: DeskTeam | None) -> None:
    if team is None:
        note("hint: pip install 'tunewell[web]' and run the demo again for work in the web app")
        return
    show("Two invented experts have a review and an annotation to do:")
    show(f"  tunewell serve {project}")
    for name, password in team.passwords.items():
        show(f"  sign in as {name} with {password}")
    if not team.passwords:
        show(f"  sign in as {team.note.name} says, or with the owner's link")
    show("")
