"""The verdict on a terminal: what was decided, each condition with its interval, findings, where the report lies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tunewell.pitfalls import CATALOGUE
from tunewell.report.charts import scale_for
from tunewell.report.figures import number_of, suffix
from tunewell.report.owner_page import (
    Condition,
    conditions_of,
    findings_by_status,
    handled,
    in_words,
    remedy,
    sentence,
)
from tunewell.report.text import for_terminal
from tunewell.types import Evaluation, Outcome, Verdict

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_STYLE: Final[Mapping[Outcome, str]] = {"GO": "green", "NO-GO": "red", "INCONCLUSIVE": "yellow"}
_SIGN: Final[Mapping[Outcome, str]] = {"GO": "✓", "NO-GO": "✗", "INCONCLUSIVE": "?"}
WIDTH: Final = 26
FINDINGS: Final = 8


def print_verdict(
    verdict: Verdict, evaluation: Evaluation | None, console: Console, *, report: Path | None = None
) -> None:
    """Print a verdict.

    Args:
        verdict: What was decided.
        evaluation: What it rests on, for the names of the metrics.
        console: Where to.
        report: The report's file, to be named at the end.
    """
    from rich.padding import Padding
    from rich.text import Text

    style = _STYLE[verdict.outcome]
    made = conditions_of(verdict, evaluation)
    why = sentence(made, verdict) or in_words(verdict.why, evaluation)
    console.print(
        Text.assemble(
            (f"{_SIGN[verdict.outcome]} {verdict.outcome}", f"bold {style}"),
            "  ",
            for_terminal(why),
        )
    )
    for c in made:
        outcome = c.criterion.outcome
        name = ", ".join(x for x in (c.title, c.short, c.criterion.slice) if x)
        console.print()
        console.print(
            Text.assemble((_SIGN[outcome], _STYLE[outcome]), "  ", for_terminal(name, limit=100))
        )
        console.print(Text.assemble("   ", interval_line(c), "  ", _figure(c)))
        if outcome != "GO":
            more = f"needs {c.criterion.needs}" if c.criterion.needs else c.criterion.why
            console.print(Padding(Text(for_terminal(more), style="dim"), (0, 0, 0, 3)))
    _print_findings(verdict, console)
    if report is not None:
        console.print()
        console.print(Text.assemble("report: ", (str(report), "bold")), soft_wrap=True)


def interval_line(condition: Condition) -> Text:
    """An interval against its threshold in characters: ``├──●──┤`` and ``┃``."""
    from rich.text import Text

    estimate, threshold = condition.criterion.estimate, condition.criterion.threshold
    cells = [" "] * WIDTH
    if estimate is None:
        return Text("not measured yet".ljust(WIDTH), style="dim")
    ends = [estimate.low, estimate.value, estimate.high, *([threshold.value] if threshold else [])]
    scale = scale_for(ends)
    low, value, high = (
        round(scale.at(x) / 100 * (WIDTH - 1))
        for x in (estimate.low, estimate.value, estimate.high)
    )
    cells[low : high + 1] = "─" * (high - low + 1)
    cells[low], cells[high] = "├", "┤"
    if threshold:
        cells[round(scale.at(threshold.value) / 100 * (WIDTH - 1))] = "┃"
    cells[value] = "●"
    return Text("".join(cells), style=_STYLE[condition.criterion.outcome])


def _figure(c: Condition) -> Text:
    from rich.text import Text

    estimate, threshold = c.criterion.estimate, c.criterion.threshold
    needed = ""
    if threshold:
        sign, unit = "≥" if c.above else "≤", suffix(c.unit, signed=c.signed)
        needed = f"{sign} {number_of(threshold.value, c.unit)}{unit}"
    if estimate is None:
        return Text(f"needed {needed}" if needed else "", style="dim")
    low, value, high = (
        number_of(x, c.unit, signed=c.signed) for x in (estimate.low, estimate.value, estimate.high)
    )
    return Text.assemble(
        (f"{value}{suffix(c.unit, signed=c.signed)}", "bold"),
        f" [{low}, {high}]",
        (f"  needed {needed}" if needed else "", "dim"),
    )


def _print_findings(verdict: Verdict, console: Console) -> None:
    from rich.text import Text

    groups = findings_by_status(verdict.findings)
    found = [f for f in groups["found"] if not handled(f)]
    dealt = len(groups["found"]) - len(found)
    if not verdict.findings:
        return
    console.print()
    counts = ", ".join(f"{len(group)} {status}" for status, group in groups.items() if group)
    console.print(
        Text(f"findings: {counts}{f' ({dealt} of those found are dealt with)' if dealt else ''}")
    )
    for f in found[:FINDINGS]:
        where = f" ({f.slice})" if f.slice else ""
        line = Text.assemble(
            "  ",
            (f.code, "bold"),
            f" {CATALOGUE[f.code].name}",
            for_terminal(where, limit=40),
            ": ",
            for_terminal(f.why, limit=140),
        )
        if f.blocking:
            line.append("  blocks release", style="red")
        console.print(line)
        todo = "".join(text for _, text in remedy(f))
        console.print(Text(f"      {for_terminal(todo, limit=160)}", style="dim"))
    if len(found) > FINDINGS:
        console.print(Text(f"  and {len(found) - FINDINGS} more in the report", style="dim"))
