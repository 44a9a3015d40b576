"""What all exports to other tools and all imports from them share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from tunewell.people import RaterVerdict, Said


class ImportedAnnotation(NamedTuple):
    """One annotation from a file of another tool.

    Attributes:
        row: Id of the row.
        annotator: Name in the other tool; empty if it gives none.
        said: The content.
    """

    row: str
    annotator: str
    said: Said


def by_item(said: Iterable[RaterVerdict]) -> dict[str, list[RaterVerdict]]:
    """Verdicts by item, in their order; an item without any gives an empty list."""
    verdicts: dict[str, list[RaterVerdict]] = defaultdict(list)
    for verdict in said:
        verdicts[verdict.item].append(verdict)
    return verdicts
