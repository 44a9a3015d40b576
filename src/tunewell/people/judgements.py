"""People's verdicts as `Judgement`s: what a gate with ``people: required`` reads."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tunewell.people.work import Batch, Item, RaterVerdict
from tunewell.people.work_store import Book
from tunewell.store import Store
from tunewell.types import Judgement

SAME_ANSWER = "same-answer"
"""Criterion under which people say whether a perturbed row still has the answer that it claims to have (E05)."""


def judgements(
    store: Store, rows: Collection[str] | None = None, *, evaluation: str = ""
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
    book = Book(store)
    wanted = None if rows is None else set(rows)
    out: list[Judgement] = []
    for batch in reversed(book.batches(kind="review")):
        if evaluation and batch.evaluation != evaluation:
            continue
        items = {
            i.id: i
            for i in book.items(batch.id)
            if not i.gold and (wanted is None or i.example in wanted)
        }
        for verdict in book.verdicts(batch.id):
            if verdict.item in items and not verdict.said.skipped:
                out += judged(verdict, items[verdict.item], batch)
    return out


def judged(verdict: RaterVerdict, item: Item, batch: Batch) -> Iterable[Judgement]:
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
