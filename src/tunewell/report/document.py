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
from tunewell.pitfalls import CATALOGUE
from tunewell.report import charts, plots
from tunewell.report.arms import ARMS, kind, measured, rival, training
from tunewell.report.changes import changes
from tunewell.report.effort import effort
from tunewell.report.figures import Figures, duration, memory, number_of, suffix
from tunewell.report.labels import by_class, in_short, reliability, sureties
from tunewell.report.landscape import label, state
from tunewell.report.learning import (
    by_heart,
    group_strips,
    more_strips,
    recipe_strips,
    sign,
    sizes,
    slice_strips,
)
from tunewell.report.map_and_families import look
from tunewell.report.outputs import missing_in, side_by_side
from tunewell.report.owner_page import (
    conditions,
    findings_by_status,
    first_up,
    handled,
    headline,
    in_words,
    remedy,
    unasked,
)
from tunewell.report.results import Results, earlier, gather
from tunewell.report.row_flow import flow
from tunewell.report.text import plain, shown
from tunewell.store import Store
from tunewell.store.files import disk_errors
from tunewell.task import TaskFile

LATEST: Final = "latest.html"


def render(file: TaskFile, store: Store, *, since: str | None = None) -> Path:
    """Write the report of a project and give its path.

    The file lies in ``.tunewell/reports`` under a name with date and verdict; ``latest.html`` is a
    copy of the newest.

    Args:
        file: The definition.
        store: The project's store.
        since: Id (or its beginning) of the verdict's run to compare with; the one before the newest
            if None.

    Raises:
        StoreError: The folder cannot be written.
        UserError: There is no such earlier verdict.
    """
    results = gather(file, store)
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
    context: dict[str, Any] = {
        "r": results,
        "task": results.file.spec.task,
        "headline": headline(results),
        "conditions": conditions(results),
        "findings": findings_by_status(results.findings),
        "unasked": unasked(results.findings),
        "flow": flow(results),
        "look": look(results),
        "training": training(results),
        "by_heart": by_heart(
            results.trace, epoch=results.trained.best_epoch if results.trained else None
        ),
        "by_slice": slice_strips(results),
        "measured": measured(evaluation) if evaluation else (),
        "by_class": by_class(results),
        "sureties": sureties(results),
        "rival": rival(evaluation) if evaluation else "",
        "sides": side_by_side(results),
        "effort": effort(results),
        "changes": changes(results, then),
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


def _made(results: Results) -> dt.datetime:
    """When what is reported ended: the same results give the same page."""
    ends = [run.started + dt.timedelta(seconds=run.seconds) for run in results.runs.values()]
    return max(ends, default=dt.datetime.now(dt.UTC)).astimezone(dt.UTC)


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
        shown=shown, plain=plain, duration=duration, memory=memory, figure=number_of, suffix=suffix
    )
    environment.globals.update(
        strip=charts.strip,
        row_strip=charts.row_strip,
        stream=charts.stream,
        curves=plots.curves,
        growth=plots.growth,
        scatter=plots.scatter,
        sizes=sizes,
        group_strips=group_strips,
        more_strips=more_strips,
        recipe_strips=recipe_strips,
        sign=sign,
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
