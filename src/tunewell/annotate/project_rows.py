"""Where the rows come from: one part of the project's newest dataset."""

from __future__ import annotations

from tunewell.errors import UserError
from tunewell.people.work import AnnotatedPart
from tunewell.store import Store
from tunewell.types import Dataset, Example, Split


def rows_of(store: Store, part: AnnotatedPart) -> tuple[list[Example], dict[str, str]]:
    """The rows of the test set, the review pool or the training folds, and the family of each.

    A row of the test set is never handed out as a training row: annotating it changes its gold
    answer only.

    Raises:
        UserError: Nothing has been curated or split yet.
    """
    curate, run = store.last_run("curate"), store.last_run("split")
    if curate is None or run is None:
        raise UserError(
            "nothing has been curated and split in this project yet", hint="tunewell split"
        )
    dataset = store.get_value(curate.outputs["dataset"], Dataset)
    split = store.get_value(run.outputs["split"], Split)
    if split.dataset != dataset.id:
        raise UserError("the split belongs to an older dataset", hint="tunewell split")

    families = {a.id: a.family for a in split.assignments}
    ids = _ids(dataset, split, part)
    if not ids:
        return [], families
    return store.examples(dataset, ids=ids), families


def _ids(
    dataset: Dataset,
    split: Split,
    part: AnnotatedPart,
) -> list[str]:
    if part == "train":
        return sorted(split.all_folds)
    if part == "test":
        return sorted({*split.ids(part), *dataset.held_out})
    return sorted(split.ids(part))
