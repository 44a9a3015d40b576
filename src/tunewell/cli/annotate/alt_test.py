"""``tunewell annotate alt-test``: may a model annotate instead of a person?"""

from __future__ import annotations

import json as json_library
from pathlib import Path
from typing import Annotated

import typer

from tunewell.annotate import AltTest, alt_test, labels_of
from tunewell.cli.batches import BatchOption, batch_named
from tunewell.cli.common import JsonOption, ProjectOption, emit, open_project, show
from tunewell.errors import DataError
from tunewell.people import Accounts, WorkStore
from tunewell.plurals import per_cent


def command(
    model: Annotated[
        Path,
        typer.Option(
            "--model",
            metavar="FILE",
            help='The model\'s labels: JSON lines of {"example", "label"}.',
        ),
    ],
    path: ProjectOption = Path(),
    which: BatchOption = "",
    epsilon: Annotated[
        float,
        typer.Option(help="How much worse than a person the model may be, from 0 to below 1."),
    ] = 0.2,
    json: JsonOption = False,
) -> None:
    """Test whether a model agrees with people as well as they agree with each other."""
    labels = _labels(model)
    with open_project(path) as project:
        store = project.store
        people = labels_of(WorkStore(store), batch_named(store, "annotate", which))
        names = {account.id: account.shown for account in Accounts(store).all()}
    found = alt_test(people, labels, epsilon=epsilon)
    if json:
        emit("annotate", found)
    else:
        _show(found, names)


def _labels(path: Path) -> dict[str, str]:
    """Label by row, from JSON lines."""
    labels: dict[str, str] = {}
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        try:
            row = json_library.loads(line)
            labels[str(row["example"])] = str(row["label"])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"not an object with example and label: {error}", place=f"{path}:{number}"
            ) from None
    return labels


def _show(found: AltTest, names: dict[str, str]) -> None:
    verdict = "may" if found.passed else "may not"
    show(
        f"the model {verdict} annotate instead of a person: "
        f"it is as good as {per_cent(found.winning_rate)} of them "
        f"(at least half are needed, margin {found.epsilon:g})"
    )
    for one in found.people:
        name = names.get(one.account, one.account)
        show(f"  {name}: as good or better on {one.advantage} of the rows, p = {one.p_value:.2g}")
