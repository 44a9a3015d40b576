"""``tunewell erase``: remove a person from every future dataset version."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.augment.erasure import erase_from_augmentations
from tunewell.cli.common import AuthorOption, JsonOption, ProjectOption, emit, open_project, show
from tunewell.curate.erasure import erase
from tunewell.gateway.draw import Hasher
from tunewell.gateway.erasure import erase_from_traffic
from tunewell.gateway.places import gateway_folder, salt
from tunewell.monitor.kept_blocks import forget_kept
from tunewell.people.erased_people import marks_of, mentions
from tunewell.people.erasure import erase_from_work
from tunewell.plurals import plural


def command(
    person: Annotated[
        str,
        typer.Option("--person", help="Full name, e-mail address or number, as written in rows."),
    ],
    path: ProjectOption = Path(),
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Drop every row that mentions a person from now on.

    Marks the datasets that mention them, names the models trained on those, and blanks what people
    wrote of the person.
    """
    with open_project(path, lock="tunewell erase") as project:
        store = project.store
        found = erase(store, person, author=author)
        marks = marks_of(person)
        work = erase_from_work(
            store,
            lambda text: mentions([text], person, marks),
            author=author,
        )
        hasher = Hasher(salt(gateway_folder(project.root)))
        traffic = erase_from_traffic(
            store,
            lambda text: mentions([text], person, marks),
            user=hasher.user(person),
        )
        forget_kept(store)
        written = erase_from_augmentations(
            store,
            lambda text: mentions([text], person, marks),
        )
    if json:
        reached = {"work": work, "traffic": traffic, "augmentation": written}
        emit("erase", {**found.model_dump(), **reached})
        return
    show(
        f"people's work: {plural(work.kept_rows, 'record')} blanked (a tombstone stays), "
        f"{plural(work.items, 'text')}, {plural(len(work.accounts), 'account')}"
    )
    show(
        f"traffic: blanked {plural(traffic.interactions, 'interaction')} and "
        f"{plural(traffic.feedback, 'feedback record')}"
    )
    show(
        f"augmentation: blanked {plural(written.replies, 'reply', 'replies')}; "
        f"{plural(written.rows, 'synthetic row')} will not be used again"
    )
    for dataset, rows in found.rows.items():
        first = ", ".join(rows[:5])
        show(f"dataset {dataset[:12]}: {plural(len(rows), 'row')} with this person: {first}")
    if found.clips:
        show(
            f"recordings: {plural(found.clips, 'file')} deleted from the project; the files that "
            "they were read from are yours to delete"
        )
    for model in found.models:
        show(f"model {model} was trained on such a dataset: retire or retrain it")
    if not found.rows:
        show("no dataset mentions this person")
    show("next: tunewell run (the next dataset omits those rows)")
    if written.rows:
        show("then: tunewell augment run (writes others in place of those synthetic rows)")
