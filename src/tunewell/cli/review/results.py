"""``tunewell review results``: what a panel found so far."""

from __future__ import annotations

from pathlib import Path

from tunewell.cli.batches import BatchOption, batch_named
from tunewell.cli.common import JsonOption, ProjectOption, emit, open_project, show
from tunewell.people import WorkStore
from tunewell.plurals import plural
from tunewell.review import CriterionResult, ReviewResult, review_result


def command(
    path: ProjectOption = Path(),
    which: BatchOption = "",
    json: JsonOption = False,
) -> None:
    """Show what a review found so far: each criterion by arm, with intervals."""
    with open_project(path) as project:
        store = project.store
        result = review_result(WorkStore(store), batch_named(store, "review", which))
    if json:
        emit("review", result)
    else:
        _show(result)


def _show(result: ReviewResult) -> None:
    show(f"{result.batch.title}: {result.verdicts} of {plural(result.expected, 'verdict')}")
    for criterion in result.criteria:
        _show_criterion(criterion)


def _show_criterion(found: CriterionResult) -> None:
    show(f"  {found.criterion.question}")
    for arm, estimate in found.levels.items():
        show(f"    {arm:12} {estimate}")
    if found.gain:
        show(f"    tuned - {found.against}: {found.gain}")
    if found.agreement:
        show(f"    agreement (alpha): {found.agreement.alpha or found.agreement.why}")
