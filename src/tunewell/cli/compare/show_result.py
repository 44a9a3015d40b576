"""``tunewell compare show``: what a comparison says now."""

from __future__ import annotations

import json as reader
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, ProjectOption, emit, open_project, show
from tunewell.cli.compare.options import NameArgument
from tunewell.compare import ComparisonBook, ComparisonResult, Inbox, analyse
from tunewell.errors import UserError
from tunewell.people import Accounts
from tunewell.types import Estimate

JudgeOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="A judge's preferences as JSON lines with id and value (1, 0.5 or 0), corrected by "
        "these ratings.",
    ),
]


def command(
    name: NameArgument,
    path: ProjectOption = Path(),
    judge: JudgeOption = None,
    json: JsonOption = False,
) -> None:
    """Show what a comparison says so far: the preference, and what could be wrong with it."""
    scores = read_judge(judge)
    with open_project(path) as project:
        book = ComparisonBook(project.store)
        Inbox(book).expire()
        result = analyse(book, book.named(name), judge=scores)
        names = {account.id: account.shown for account in Accounts(project.store).all()}
    show_result(result, names, json=json)


def read_judge(path: Path | None) -> dict[str, float] | None:
    """A judge's preferences by row.

    Raises:
        UserError: A line is none.
    """
    if path is None:
        return None
    found: dict[str, float] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            row = reader.loads(line)
            name, value = str(row["id"]), float(row["value"])
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(
                "a line needs an id and a value",
                place=place,
                hint='{"id": "row-1", "value": 0.5}',
            ) from error
        if value not in (0.0, 0.5, 1.0):
            raise UserError(f"a value is 1, 0.5 or 0, got {value:g}", place=place)
        found[name] = value
    return found


def show_result(result: ComparisonResult, names: Mapping[str, str], *, json: bool) -> None:
    """A result as lines, or as the envelope."""
    if json:
        emit("compare", result, verdict=result.outcome)
        return
    show(f"{result.outcome}: {result.why}")
    show(f"  verdicts {result.verdicts} of {result.planned} ({result.status})")
    figures: dict[str, Estimate | None] = {
        "without careless raters": result.without.estimate if result.without else None,
        "pairs that were seen": result.rated_only.estimate if result.rated_only else None,
        "alike in style": result.adjusted,
        "judge, corrected": result.judged,
        "first place preferred": result.position,
        "agreement (alpha)": result.agreement,
        "hidden overall (James)": result.james,
        "told by style (area)": result.style.area,
        **result.by_slice,
    }
    for label, estimate in figures.items():
        if estimate is not None:
            show(f"  {label:26} {estimate}")
    for arm in result.arms:
        missing = ", ".join(f"{count} {why}" for why, count in arm.missing.items()) or "none"
        recognised = arm.bang or "nobody has guessed"
        show(f"  {arm.name}: {arm.answered} answers, missing: {missing}; Bang {recognised}")
    for rater in result.careless:
        who = names.get(rater.account, rater.account[:8])
        habit = rater.habit
        show(f"  careless: {who} ({habit.habit}, probability {habit.probability:.2f})")
    for finding in result.findings:
        show(f"  {finding.status:9} {finding.code} {finding.why}")
