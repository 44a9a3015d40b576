"""People's verdicts as `Judgement`s: what a gate with ``people: required`` reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from tunewell.people.work import Batch, Item, RaterVerdict
from tunewell.people.work_store import WorkStore
from tunewell.store import Store
from tunewell.types import Judgement

SAME_ANSWER = "same-answer"
"""Criterion under which people say whether a perturbed row still has the answer it claims (E05)."""


def judgements(
    store: Store,
    rows: Collection[str] | None = None,
    *,
    evaluation: str = "",
) -> list[Judgement]:
    """What people said of outputs, unblinded: one Judgement per person, arm and criterion.

    Oldest first.

    Calibration rows, skipped and withdrawn verdicts are left out; each person's last word on an
    item counts. An output that several arms gave counts for each of them. A sign-off under an older
    guideline does not count.

    Args:
        store: Of the project.
        rows: Only these rows; all if None.
        evaluation: Only verdicts on the outputs of one evaluation (artifact digest of its
            predictions).
    """
    work_store = WorkStore(store)
    wanted = None if rows is None else set(rows)
    found: list[Judgement] = []
    for batch in reversed(work_store.batches(kind="review")):
        if not evaluation or batch.evaluation == evaluation:
            found += _of_batch(work_store, batch, wanted)
    return found


def _of_batch(
    work_store: WorkStore,
    batch: Batch,
    wanted: set[str] | None,
) -> Iterator[Judgement]:
    items = {item.id: item for item in work_store.items(batch.id) if not item.gold}
    for verdict in work_store.verdicts(batch.id):
        item = items.get(verdict.item)
        if item is None or verdict.said.skipped:
            continue
        if wanted is None or item.example in wanted:
            yield from judged(verdict, item, batch)


def judged(
    verdict: RaterVerdict,
    item: Item,
    batch: Batch,
) -> Iterator[Judgement]:
    """A verdict unblinded: one Judgement for each criterion and arm."""
    for criterion in batch.rubric:
        if criterion.name not in verdict.said.scores:
            continue
        if criterion.signed and verdict.version != batch.version:
            continue  # the guideline has changed since it was signed
        for arm in item.arms:
            yield Judgement(
                id=f"{verdict.number}-{criterion.name}-{arm}",
                example=item.example,
                arm=arm,
                criterion=criterion.name,
                value=verdict.said.scores[criterion.name],
                author=verdict.account,
                at=verdict.at,
                rubric_version=verdict.version,
                comment=verdict.said.comment,
            )
