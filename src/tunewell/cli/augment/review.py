"""``tunewell augment review``: experts look at a sample of the accepted rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.augment.erasure import without_erased
from tunewell.augment.expert_sample import open_sample
from tunewell.cli.augment.show import found_augmentation
from tunewell.cli.batches import accounts_named, assign_seats
from tunewell.cli.common import AuthorOption, JsonOption, ProjectOption, emit, open_project, show
from tunewell.cli.review.options import PeopleOption, RatersOption


def command(
    path: ProjectOption = Path(),
    rows: Annotated[
        int,
        typer.Option(min=0, help="Rows to draw; 0 = augment.checked."),
    ] = 0,
    raters: RatersOption = 0,
    people: PeopleOption = None,
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Draw accepted rows with equal probability and assign them to people.

    What they say gives the accepted rows an error rate with an interval (D15).
    """
    with open_project(path) as project:
        store = project.store
        experts = accounts_named(store, people)
        accepted = without_erased(store, store.examples(found_augmentation(store).accepted))
        batch = open_sample(
            project,
            accepted,
            author=author,
            count=rows,
            raters=raters,
        )
        opened = assign_seats(store, batch, experts, author=author)
    if json:
        emit("augment", opened.as_json())
        return
    opened.show()
    show("tunewell augment show gives the error rate of the accepted rows once they have spoken")
