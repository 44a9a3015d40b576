"""The verdict on a terminal.

What was decided, each condition with its interval, findings, where the report is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tunewell.pitfalls import CATALOGUE
from tunewell.report.advice import recommendation
from tunewell.report.conditions import Condition, conditions_of
from tunewell.report.findings import findings_by_status, handled, remedy
from tunewell.report.interval_charts import scale_for
from tunewell.report.owner_page import sentence
from tunewell.report.safe_text import for_terminal
from tunewell.report.wording import in_words
from tunewell.types import Evaluation, Finding, Outcome, Verdict

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_STYLE: Final[Mapping[Outcome, str]] = {
    "GO": "green",
    "NO-GO": "red",
    "INCONCLUSIVE": "yellow",
}
_SIGN: Final[Mapping[Outcome, str]] = {
    "GO": "✓",
    "NO-GO": "✗",
    "INCONCLUSIVE": "?",
}
WIDTH: Final = 26
FINDINGS: Final = 8


def print_verdict(
    verdict: Verdict,
    evaluation: Evaluation | None,
    console: Console,
    *,
    report: Path | None = None,
) -> None:
    """Print a verdict.

    Args:
        verdict: What was decided.
        evaluation: What it rests on, for the names of the metrics.
        console: Where to.
        report: The report's file, to be named at the end.
    """
    from rich.text import Text

    made = conditions_of(verdict, evaluation)
    _print_outcome(verdict, evaluation, made, console)
    for condition in made:
        console.print()
        _print_condition(condition, console)
    if verdict.findings:
        console.print()
        _print_findings(verdict, console)
    if report is not None:
        console.print()
        name = (str(report), "bold")
        console.print(Text.assemble("report: ", name), soft_wrap=True)


def _print_outcome(
    verdict: Verdict,
    evaluation: Evaluation | None,
    made: Sequence[Condition],
    console: Console,
) -> None:
    from rich.text import Text

    sign, style = _SIGN[verdict.outcome], _STYLE[verdict.outcome]
    why = sentence(made, verdict) or in_words(verdict.why, evaluation)
    outcome = (f"{sign} {verdict.outcome}", f"bold {style}")
    console.print(Text.assemble(outcome, "  ", for_terminal(why)))
    told = in_words(recommendation(made, verdict), evaluation)
    console.print(Text(f"   {for_terminal(told)}"))


def _print_condition(condition: Condition, console: Console) -> None:
    from rich.padding import Padding
    from rich.text import Text

    criterion = condition.criterion
    outcome = criterion.outcome
    parts = (condition.title, condition.short, criterion.slice)
    name = ", ".join(filter(None, parts))
    sign = (_SIGN[outcome], _STYLE[outcome])
    console.print(Text.assemble(sign, "  ", for_terminal(name, limit=100)))
    drawn = interval_line(condition)
    console.print(Text.assemble("   ", drawn, "  ", _figure(condition)))
    if outcome != "GO":
        more = f"needs {criterion.needs}" if criterion.needs else criterion.why
        reason = Text(for_terminal(more), style="dim")
        console.print(Padding(reason, (0, 0, 0, 3)))


def interval_line(condition: Condition) -> Text:
    """An interval against its threshold in characters: ``├──●──┤`` and ``┃``."""
    from rich.text import Text

    estimate, threshold = condition.criterion.estimate, condition.criterion.threshold
    if estimate is None:
        return Text("not measured yet".ljust(WIDTH), style="dim")
    ends = [estimate.low, estimate.value, estimate.high]
    if threshold:
        ends.append(threshold.value)
    scale = scale_for(ends)

    def cell(value: float) -> int:
        return round(scale.at(value) / 100 * (WIDTH - 1))

    cells = [" "] * WIDTH
    low, high = cell(estimate.low), cell(estimate.high)
    cells[low : high + 1] = "─" * (high - low + 1)
    cells[low], cells[high] = "├", "┤"
    if threshold:
        cells[cell(threshold.value)] = "┃"
    cells[cell(estimate.value)] = "●"
    return Text("".join(cells), style=_STYLE[condition.criterion.outcome])


def _figure(c: Condition) -> Text:
    from rich.text import Text

    estimate = c.criterion.estimate
    needed = f"needed {c.needed}" if c.needed else ""
    if estimate is None:
        return Text(needed, style="dim")
    value = (f"{c.number(estimate.value)}{c.suffix}", "bold")
    interval = f" [{c.number(estimate.low)}, {c.number(estimate.high)}]"
    if not needed:
        return Text.assemble(value, interval)
    return Text.assemble(value, interval, (f"  {needed}", "dim"))


def _print_findings(verdict: Verdict, console: Console) -> None:
    from rich.text import Text

    groups = findings_by_status(verdict.findings)
    found = [f for f in groups["found"] if not handled(f)]
    dealt = len(groups["found"]) - len(found)
    counts = ", ".join(f"{len(group)} {status}" for status, group in groups.items() if group)
    if dealt:
        verb = "is" if dealt == 1 else "are"
        counts += f" ({dealt} of those found {verb} dealt with)"
    console.print(Text(f"findings: {counts}"))
    for finding in found[:FINDINGS]:
        _print_finding(finding, console)
    if len(found) > FINDINGS:
        console.print(Text(f"  and {len(found) - FINDINGS} more in the report", style="dim"))


def _print_finding(finding: Finding, console: Console) -> None:
    from rich.text import Text

    where = f" ({finding.slice})" if finding.slice else ""
    line = Text.assemble(
        "  ",
        (finding.code, "bold"),
        f" {CATALOGUE[finding.code].name}",
        for_terminal(where, limit=40),
        ": ",
        for_terminal(finding.why, limit=140),
    )
    if finding.blocking:
        line.append("  blocks release", style="red")
    console.print(line)
    todo = "".join(text for _, text in remedy(finding))
    console.print(Text(f"      {for_terminal(todo, limit=240)}", style="dim"))
