"""One self-contained HTML file: the owner's page first, the evidence after it.

No network, no script.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import uuid
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from tunewell import __version__
from tunewell.disk import disk_errors
from tunewell.pitfalls import CATALOGUE
from tunewell.plurals import plural
from tunewell.project import Project
from tunewell.report import interval_charts, training_charts
from tunewell.report.advice import advice
from tunewell.report.arms import ARMS, kind, measured, rival, told_apart
from tunewell.report.augmentation import augmentation
from tunewell.report.changes import changes
from tunewell.report.class_figures import by_class
from tunewell.report.conditions import conditions
from tunewell.report.effort import effort, end_of
from tunewell.report.errors_again import errors_again
from tunewell.report.figures import Figures
from tunewell.report.findings import findings_by_status, handled, remedy, unasked
from tunewell.report.map_and_families import look
from tunewell.report.map_chart import label, state
from tunewell.report.memorised_rows import memorised_rows
from tunewell.report.number_format import duration, memory, number_of, suffix
from tunewell.report.owner_page import headline
from tunewell.report.people_compared import SHARES, comparison_parts
from tunewell.report.read_columns import file_readings
from tunewell.report.reliability import in_short, reliability, sureties
from tunewell.report.results import Results, earlier, gather
from tunewell.report.row_flow import flow
from tunewell.report.safe_text import plain, shown
from tunewell.report.side_by_side import missing_in, side_by_side
from tunewell.report.training_curves import slice_strips, training
from tunewell.report.training_studies import group_strips, more_strips, recipe_strips, sizes
from tunewell.report.tried_on_traffic import experiment_parts
from tunewell.report.wording import first_up, in_words, noun

LATEST: Final = "latest.html"


def render(
    project: Project,
    *,
    since: str | None = None,
) -> Path:
    """Write the report of a project and give its path.

    The file lies in ``.tunewell/reports`` under a name with date and verdict; ``latest.html`` is a
    copy of the newest.

    Args:
        project: The project.
        since: Id (or its beginning) of the verdict's run to compare with; the one before the newest
            if None.

    Raises:
        StoreError: The folder cannot be written.
        UserError: There is no such earlier verdict.
    """
    store = project.store
    results = gather(project)
    html = page(results, then=earlier(results, since=since))
    path = store.reports / _name(results)
    data = html.encode("utf-8", "replace")
    write_atomically(path, data)
    write_atomically(store.reports / LATEST, data)
    return path


def page(results: Results, *, then: Results | None = None) -> str:
    """The report as HTML.

    Args:
        results: What to report.
        then: What an earlier verdict rested on.
    """
    evaluation = results.evaluation
    best_epoch = results.trained.best_epoch if results.trained else None
    drawn = conditions(results)
    figures_of_arms = measured(evaluation) if evaluation else ()
    context: dict[str, Any] = {
        "r": results,
        "task": results.file.spec.task,
        "headline": headline(results),
        "advice": advice(results, drawn),
        "conditions": drawn,
        "digest": _digest(results),
        "findings": findings_by_status(results.findings),
        "unasked": unasked(results.findings),
        "flow": flow(results),
        "synthetic": augmentation(results),
        "readings": file_readings(results),
        "look": look(results),
        "training": training(results),
        "memorised": memorised_rows(results.trace, epoch=best_epoch),
        "by_slice": slice_strips(results),
        "measured": figures_of_arms,
        "told_apart": told_apart(drawn, figures_of_arms),
        "by_class": by_class(results),
        "sureties": sureties(results),
        "rival": rival(evaluation) if evaluation else "",
        "sides": side_by_side(results),
        "effort": effort(results),
        "speeds": results.speeds,
        "changes": changes(results, then),
        "again": errors_again(results),
        "compared": comparison_parts(results.store),
        "tried": experiment_parts(results.store),
        "figures": Figures(),
        "version": __version__,
        "made": _made(results),
        "packages": _packages(results),
    }
    return str(_environment().get_template("report.html.j2").render(context))


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part."""
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}")
    with disk_errors(path):
        try:
            with temporary.open("wb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(temporary, path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def _name(results: Results) -> str:
    outcome = results.verdict.outcome.lower() if results.verdict else "unfinished"
    return f"{_made(results):%Y-%m-%d-%H%M}-{re.sub('[^a-z-]', '', outcome)}.html"


def _digest(results: Results) -> str:
    """What the verdict is called in the store; empty without one."""
    run = results.runs.get("verdict")
    found = run.outputs.get("verdict", "") if run else ""
    return re.sub("[^0-9a-f]", "", found)[:16]


def _made(results: Results) -> dt.datetime:
    """When what is reported ended: the same results give the same page."""
    ends = map(end_of, results.runs.values())
    ended = max(ends, default=dt.datetime.now(dt.UTC))
    return ended.astimezone(dt.UTC)


def _packages(results: Results) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for run in results.runs.values():
        found.update(run.packages)
    return dict(sorted(found.items()))


@cache
def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tunewell.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        shown=shown,
        plain=plain,
        counted=plural,
        noun=noun,
        duration=duration,
        memory=memory,
        figure=number_of,
        suffix=suffix,
    )
    environment.globals.update(
        strip=interval_charts.strip,
        row_strip=interval_charts.row_strip,
        share_scale=SHARES,
        stream=interval_charts.stream,
        curves=training_charts.curves,
        growth=training_charts.growth,
        scatter=training_charts.scatter,
        sizes=sizes,
        group_strips=group_strips,
        more_strips=more_strips,
        recipe_strips=recipe_strips,
        sign=interval_charts.sign,
        reliability=reliability,
        in_short=in_short,
        kind=kind,
        label=label,
        state=state,
        first_up=first_up,
        handled=handled,
        in_words=in_words,
        remedy=remedy,
        missing_in=missing_in,
        pitfalls=CATALOGUE,
        arms=ARMS,
    )
    return environment
