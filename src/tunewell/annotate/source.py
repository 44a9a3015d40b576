"""Where the rows come from: one part of the project's newest dataset."""

from __future__ import annotations

from collections.abc import Sequence

from tunewell.errors import UserError
from tunewell.people.work import AnnotatedPart
from tunewell.store import Store
from tunewell.types import Dataset, Example, Split

SUSPICIOUS = ("D10", "D09")


def suspicious(store: Store, codes: Sequence[str] = SUSPICIOUS) -> list[str]:
    """Rows that the newest curation or training suspects of wrong targets, worst first as the findings list them.

    Held-out losses (D10) point at single rows, contradictions (D09) at rows of which at least one
    is wrong.
    """
    out: list[str] = []
    runs = [run for stage in ("curate", "train") if (run := store.last_run(stage)) is not None]
    for code in codes:
        for run in runs:
            out += [
                row
                for f in run.findings
                if f.code == code and f.status == "found"
                for row in f.rows
            ]
    return list(dict.fromkeys(out))


def rows_of(store: Store, part: AnnotatedPart) -> tuple[list[Example], dict[str, str]]:
    """The rows of the test set, the review pool or the training folds, and the family of each.

    A row of the test set is never given out as a training row: what is annotated there becomes its
    gold only.

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
        raise UserError("the split is of an older dataset", hint="tunewell split")
    ids = split.all_folds if part == "train" else split.ids(part)
    wanted = sorted({*ids, *dataset.held_out}) if part == "test" else sorted(ids)
    families = {a.id: a.family for a in split.assignments}
    return (store.examples(dataset, ids=wanted) if wanted else []), families
