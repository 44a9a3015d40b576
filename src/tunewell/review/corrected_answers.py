"""What reviewers wrote instead: new rows from the review pool, new gold for test rows."""

from __future__ import annotations

from collections.abc import Mapping

from tunewell.people import WorkStore
from tunewell.people.work import Batch
from tunewell.types import Example, Message, Value


class Correction(Value):
    """A corrected answer.

    Attributes:
        example: The row with the corrected target and origin ``correction``; parent is the row
            corrected.
        part: Where the row belongs: a ``test`` row changes its gold only and is never trained on.
        account: Who wrote it.
        version: Of the guideline it was written by.
    """

    example: Example
    part: str
    account: str
    version: str


def corrections(
    book: WorkStore,
    batch: Batch,
    rows: Mapping[str, Example],
) -> list[Correction]:
    """Every standing correction of a review; if several people corrected a row, the newest.

    Args:
        book: Of the project.
        batch: The review.
        rows: The rows it was made of, by id.
    """
    items = {i.id: i for i in book.items(batch.id)}
    newest: dict[str, Correction] = {}
    for verdict in book.verdicts(batch.id):
        item = items[verdict.item]
        answer = verdict.said.correction
        if item.gold or item.example not in rows or not answer.strip():
            continue
        newest[item.example] = Correction(
            example=_corrected(rows[item.example], answer),
            part=item.part,
            account=verdict.account,
            version=verdict.version,
        )
    return list(newest.values())


def _corrected(row: Example, answer: str) -> Example:
    target = Message(role="assistant", content=answer)
    changed = {
        "id": f"{row.id}#corrected",
        "messages": (*row.prompt, target),
        "parent": row.id,
        "origin": "correction",
    }
    return row.model_copy(update=changed)
