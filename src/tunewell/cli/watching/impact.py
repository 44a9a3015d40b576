"""``tunewell watch impact``: what a release did to a KPI."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Literal,
)

import typer

from tunewell.cli.common import (
    JsonOption,
    ProjectOption,
    emit,
    note,
    open_project,
    show,
)
from tunewell.errors import UserError

if TYPE_CHECKING:
    from tunewell.monitor.impact import Impact
    from tunewell.store import Store
    from tunewell.types import Interaction


def impact(
    kpi: Annotated[
        str,
        typer.Option("--kpi", help="Event or rating: escalated, solved, stars …"),
    ],
    path: ProjectOption = Path(),
    release: Annotated[
        str,
        typer.Option(
            "--release",
            help="Date, or a place whose newest release is meant.",
            metavar="DATE|PLACE",
        ),
    ] = "production",
    control: Annotated[
        str,
        typer.Option(
            "--control",
            metavar="FIELD=VALUE",
            help="Traffic that the release does not serve: arm=NAME or a field of the requests.",
        ),
    ] = "",
    smallest: Annotated[
        float,
        typer.Option("--smallest", min=0, help="Smallest effect that matters, in the KPI's unit."),
    ] = 0.0,
    better: Annotated[
        str,
        typer.Option("--better", help="Which way is better: lower or higher."),
    ] = "lower",
    json: JsonOption = False,
) -> None:
    """Show what a release did to a KPI, or when that can be told."""
    from tunewell.monitor.impact import impact_finding

    way = _way(better)
    with open_project(path) as project:
        found = _measured(
            project.store,
            kpi,
            release,
            control,
            smallest,
        )
    finding = impact_finding(found, better=way)
    if json:
        emit("watch impact", {"impact": found, "finding": finding})
        return
    show(finding.why)
    if found.before and found.after:
        show(f"before {found.before}, since {found.after} {found.unit}")
    show(f"{finding.code} {finding.status}")
    for each in found.notes:
        note(f"note: {each}")


def _way(text: str) -> Literal["lower", "higher"]:
    if text == "lower":
        return "lower"
    if text == "higher":
        return "higher"
    raise UserError(f"--better must be lower or higher. Got {text!r} instead.")


def _measured(
    store: Store,
    kpi: str,
    release: str,
    control: str,
    smallest: float,
) -> Impact:
    from tunewell.monitor.impact import ImpactQuestion
    from tunewell.monitor.impact import impact as measure
    from tunewell.monitor.kpi import kpi_series
    from tunewell.store.kept_traffic import read_feedback, read_interactions

    rows = list(read_interactions(store))
    if not rows:
        raise UserError("no traffic yet", hint="tunewell traffic import FILE")
    said = list(read_feedback(store))
    until = max(rows[-1].at, max((each.received for each in said), default=rows[-1].at))
    question = ImpactQuestion(
        released=released_on(store, release), control=control, smallest=smallest
    )
    if not control:
        return measure(kpi_series(kpi, rows, said, until=until), question)

    of_control = chosen_by(control)
    served = kpi_series(kpi, rows, said, chosen=lambda row: not of_control(row), until=until)
    beside = kpi_series(
        kpi, rows, said, chosen=of_control, until=until, period_days=served.period_days
    )
    return measure(served, question, control=beside.aligned(served))


def released_on(store: Store, release: str) -> dt.date:
    """The day of a release: as it is written, or of a place's newest release.

    Raises:
        UserError: It is no date, and nothing was released in a place of that name.
    """
    from tunewell.releases import serving

    try:
        return dt.date.fromisoformat(release)
    except ValueError:
        found = serving(store, release)
    if found is None:
        raise UserError(
            f"nothing was released in {release!r}, and it is no date", hint="--release 2026-11-03"
        )
    return found.since.date()


def chosen_by(control: str) -> Callable[[Interaction], bool]:
    """Whether an interaction belongs to the control.

    Raises:
        UserError: It is not of the form field=value.
    """
    field, equals, value = control.partition("=")
    if not equals or not field:
        raise UserError(
            f"--control must be a field and its value. Got {control!r} instead.",
            hint="--control region=south, or --control arm=old",
        )

    def belongs(row: Interaction) -> bool:
        if field == "arm":
            return row.assigned == value
        metadata = row.request.get("metadata")
        known = metadata.get(field) if isinstance(metadata, dict) else None
        return str(known) == value

    return belongs
