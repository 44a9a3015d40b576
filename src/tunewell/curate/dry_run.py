"""What the rules of a definition would drop and change, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tunewell.curate.pipeline import apply_rules
from tunewell.curate.reading.read import ReadResult, read_source
from tunewell.task import TaskFile
from tunewell.types import Value

LARGE_SHARE: Final = 0.2
"""Share of the rows from which a rule's drops are asked about first."""


class DryRun(Value):
    """What curation would do.

    Attributes:
        read: Rows that were read.
        kept: Training rows and rows of the project's own test set that would stay.
        dropped: Rows that each step would drop.
        changed: Rows that each step would change.
        held_back: Rows that a step found but would not drop until a person confirms it.
    """

    read: int
    kept: int
    dropped: Mapping[str, int]
    changed: Mapping[str, int]
    held_back: Mapping[str, int]

    @property
    def large(self) -> dict[str, int]:
        """The drops of more than a fifth of the rows."""
        return self._large(self.dropped)

    @property
    def widely_changed(self) -> dict[str, int]:
        """The changes of more than a fifth of the rows."""
        return self._large(self.changed)

    def _large(self, counts: Mapping[str, int]) -> dict[str, int]:
        most = LARGE_SHARE * self.read
        return {step: count for step, count in counts.items() if count > most}


def dry_run(file: TaskFile) -> DryRun:
    """Apply the rules of a definition to its data, without a store.

    Args:
        file: The definition; nothing is written beside it.

    Raises:
        DataError: The data cannot be read.
    """
    batch = ReadResult()
    for number, source in enumerate(file.spec.data):
        where = file.where(f"data.{number}.path")
        read_source(source, root=file.root, batch=batch, where=where)
    read = len(batch.rows)
    done = apply_rules(file, batch)
    counts = done.ledger.count_by_step()
    return DryRun(
        read=read,
        kept=sum(not row.dropped for row in done.rows),
        dropped=_of(counts, "dropped"),
        changed=_of(counts, "changed"),
        held_back={name: len(taken.rows) for name, taken in done.ledger.taken_back.items()},
    )


def _of(counts: Mapping[str, int], action: str) -> dict[str, int]:
    """The counts of one action by step, the most first."""
    found = {}
    for name, count in sorted(counts.items(), key=lambda item: -item[1]):
        done, _, step = name.partition(": ")
        if done == action and step:
            found[step] = count
    return found
