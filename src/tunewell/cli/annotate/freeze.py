"""``tunewell annotate freeze``: a new version of the gold, which is never trained on."""

from __future__ import annotations

from pathlib import Path

from tunewell.cli.batches import BatchOption, batch_named
from tunewell.cli.common import AuthorOption, JsonOption, ProjectOption, emit, open_project, show
from tunewell.people.row_changes import freeze_batch
from tunewell.plurals import plural


def command(
    path: ProjectOption = Path(),
    which: BatchOption = "",
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Freeze what a batch settled as gold, which is never trained on."""
    with open_project(path) as project:
        store = project.store
        registry, rows = freeze_batch(store, batch_named(store, "annotate", which), author=author)
    if json:
        emit("annotate", registry)
        return
    show(f"gold {registry.version}: {plural(len(registry.rows), 'row')}, {rows} from this batch")
    show(
        "neither they nor their families are ever trained on, beginning with the next tunewell run"
    )
