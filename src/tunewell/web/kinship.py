"""Which rows belong together, and why: as curation, lineage and the split say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from tunewell.types import Example, Receipt

IN_SPLIT = "of one family: a split never parts them"
MADE_FROM = "made from this row"
MADE_INTO = "this row was made from it"


@dataclass(frozen=True, eq=False)
class Kinship:
    """Why each row is related to which others.

    Attributes:
        ties: By row: each related row with the reasons, in words.
    """

    ties: dict[str, dict[str, list[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )

    def tie(self, row: str, other: str, why: str, why_back: str) -> None:
        """Note that two rows are related.

        Args:
            row: One of them.
            other: The other.
            why: What the other is to the row.
            why_back: What the row is to the other.
        """
        if row == other:
            return
        for first, second, said in ((row, other, why), (other, row, why_back)):
            if said not in self.ties[first][second]:
                self.ties[first][second].append(said)

    def of(self, row: str) -> dict[str, list[str]]:
        """The rows related to one, with the reasons; nearest ties first, then by id."""
        found = self.ties.get(row, {})
        return {name: found[name] for name in sorted(found)}


@dataclass(frozen=True)
class Relative:
    """A related row as its page shows it.

    Attributes:
        id: Of the row.
        why: What it is to the row of the page.
        row: With its text; None if it was dropped.
        receipts: What curation did to it.
    """

    id: str
    why: tuple[str, ...]
    row: Example | None
    receipts: tuple[Receipt, ...]


def kinship_of(receipts: pa.Table, ids: Sequence[str], parents: Sequence[str | None]) -> Kinship:
    """Ties that curation found and that lineage knows.

    Args:
        receipts: Columns ``row``, ``other``, ``code`` and ``step``.
        ids: Of the rows that were kept.
        parents: What each of them was made from.
    """
    found = Kinship()
    named = receipts.filter(pc.not_equal(pc.fill_null(receipts["other"], ""), ""))
    for line in named.to_pylist():
        rule = f"{line['step']} {line['code']}".strip()
        found.tie(line["row"], line["other"], f"{rule} names it", f"{rule} of it names this row")
    for row, parent in zip(ids, parents, strict=True):
        if parent:
            found.tie(row, parent, MADE_INTO, MADE_FROM)
    return found


def relatives(
    why: Mapping[str, Sequence[str]],
    rows: Iterable[Example],
    receipts: Iterable[Receipt],
) -> tuple[Relative, ...]:
    """The related rows with their texts and receipts.

    Args:
        why: Each related row with the reasons.
        rows: Those of them that were kept.
        receipts: Of all of them.
    """
    by_id = {row.id: row for row in rows}
    told: dict[str, list[Receipt]] = defaultdict(list)
    for receipt in receipts:
        told[receipt.row].append(receipt)
    found = []
    for id, reasons in why.items():
        found.append(Relative(id, tuple(reasons), by_id.get(id), tuple(told[id])))
    return tuple(found)
