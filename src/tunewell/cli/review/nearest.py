"""``tunewell review nearest``: send training rows similar to low-rated ones to annotators."""

from __future__ import annotations

from pathlib import Path

from tunewell.annotate import queue_rows, rows_of
from tunewell.cli.batches import BatchOption, accounts_named, assign_seats, batch_named
from tunewell.cli.common import AuthorOption, JsonOption, ProjectOption, emit, open_project, show
from tunewell.cli.review.options import PeopleOption, TitleOption
from tunewell.people import WorkStore
from tunewell.plurals import plural
from tunewell.review import low_rated, near_rows

NOTHING_OPENED = {"batch": "", "items": 0, "seats": 0}


def command(
    path: ProjectOption = Path(),
    which: BatchOption = "",
    people: PeopleOption = None,
    title: TitleOption = "",
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Send training rows similar to what was rated low, and not corrected, to annotators.

    By themselves they change nothing in training.
    """
    with open_project(path) as project:
        store = project.store
        annotators = accounts_named(store, people)
        low = low_rated(WorkStore(store), batch_named(store, "review", which))
        training, families = rows_of(store, "train")
        batch = queue_rows(
            project,
            training,
            near_rows(low, [(row.id, row.input) for row in training]),
            author=author,
            families=families,
            title=title,
        )
        opened = assign_seats(store, batch, annotators, author=author) if batch else None

    if json:
        emit("review", opened.as_json() if opened else NOTHING_OPENED)
    elif opened:
        opened.show()
    else:
        show(
            f"{plural(len(low), 'item')} rated low and not corrected; "
            "no similar training row that is not queued already"
        )
