"""What reviewers wrote instead: rows of the review pool become Examples, test rows change their gold only."""

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


def corrections(book: WorkStore, batch: Batch, rows: Mapping[str, Example]) -> list[Correction]:
    """Every standing correction of a review; of several people's on one row the newest.

    Args:
        book: Of the project.
        batch: The review.
        rows: The rows it was made of, by id.
    """
    items = {i.id: i for i in book.items(batch.id)}
    newest: dict[str, Correction] = {}
    for verdict in book.verdicts(batch.id):
        item = items[verdict.item]
        row = rows.get(item.example)
        if row is None or item.gold or not verdict.said.correction.strip():
            continue
        target = Message(role="assistant", content=verdict.said.correction)
        changed = row.model_copy(
            update={
                "id": f"{row.id}#corrected",
                "messages": (*row.prompt, target),
                "parent": row.id,
                "origin": "correction",
            }
        )
        newest[row.id] = Correction(
            example=changed, part=item.part, account=verdict.account, version=verdict.version
        )
    return list(newest.values())
