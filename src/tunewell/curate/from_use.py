"""Rows from use, as they were taken up, made into input rows: every rule holds for them too."""

from __future__ import annotations

from typing import Final

from tunewell.curate.rows import InputRow
from tunewell.store import Store

PLACE: Final = "use"
"""In the place of a file's name, in receipts."""


def rows_taken_up(store: Store, artifact: str) -> list[InputRow]:
    """The rows of a snapshot, in the order of their ids; none where nothing was taken up.

    Args:
        store: Of the project.
        artifact: Digest of the snapshot (`tunewell.people.row_changes.taken_up`); may be empty.
    """
    if not artifact:
        return []
    found = []
    for number, example in enumerate(store.examples(artifact), start=1):
        turns, details = InputRow.turns_of(example.messages)
        found.append(
            InputRow(
                id=example.id,
                place=f"{PLACE}:{number}",
                turns=turns,
                details=details,
                source=example.source,
                date=example.date,
                group=example.group,
                origin="production",
                format="messages",
            )
        )
    return found
