"""``tunewell annotate freeze``: a new version of the gold, which is never trained on."""

from __future__ import annotations

from pathlib import Path

from tunewell.cli.batches import newest_batch
from tunewell.cli.common import AuthorOption, JsonOption, ProjectOption, emit, open_project, show
from tunewell.people import WorkStore
from tunewell.people.row_changes import freeze_gold, settled_annotations
from tunewell.plurals import plural


def command(
    path: ProjectOption = Path(),
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Freeze what the newest batch settled as gold, which is never trained on."""
    with open_project(path) as project:
        store = project.store
        batch = newest_batch(store, "annotate")
        ours = {item.example for item in WorkStore(store).items(batch.id)}
        settled = [word for _, word in settled_annotations(store)]
        rows = [word for word in settled if word.example in ours and word.target]
        registry = freeze_gold(store, rows, author=author)
    if json:
        emit("annotate", registry)
        return
    show(
        f"gold {registry.version}: {plural(len(registry.rows), 'row')}, {len(rows)} from this batch"
    )
    show(
        "neither they nor their families are ever trained on, beginning with the next tunewell run"
    )
