"""``tunewell augment trial``: whether the accepted rows pay."""

from __future__ import annotations

from pathlib import Path

from tunewell.augment.erasure import without_erased
from tunewell.augment.results import newest_augmentation
from tunewell.cli.common import (
    JsonOption,
    ProjectArgument,
    SetOption,
    WaitOption,
    emit,
    progress,
    show,
)
from tunewell.cli.stage import open_stages
from tunewell.errors import UserError


def command(
    path: ProjectArgument = Path(),
    overrides: SetOption = None,
    wait: WaitOption = False,
    json: JsonOption = False,
) -> None:
    """Train the folds with the accepted rows, and with as many tokens of their parents again.

    Both are measured on the same held-out real rows. `tunewell run` trains on rows that pay.
    """
    from tunewell.train.studies.added_rows import added_rows

    with open_stages("augment", path, overrides=overrides, wait=wait, json=json) as stages:
        project = stages.project
        dataset = stages.curate()
        split = stages.split(dataset)
        result = newest_augmentation(project.store, dataset)
        if result is None or not result.rows:
            raise UserError("no rows were accepted for this dataset", hint="tunewell augment run")
        rows = without_erased(project.store, project.store.examples(result.accepted))
        with progress("trial", quiet=json) as bar:
            found = added_rows(dataset, split, rows, project, progress=bar)
    if json:
        emit("augment", found)
        return
    show(
        f"{found.rows} added rows ({found.tokens:,} tokens) against {found.again} parents again "
        f"({found.again_tokens:,} tokens)"
    )
    show(f"  gain      {found.gain} nats a token; detectable {found.detectable:.3g}")
    for name, gain in found.slices.items():
        show(f"  {name:24} {gain}")
    show(found.in_words)
