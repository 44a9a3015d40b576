"""What is missing: groups of meaning of which training has too few rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tunewell.similar.shown_families import (
    KEPT,
    TEST,
    Map,
)
from tunewell.stats.shortfall import shortfalls
from tunewell.types import Estimate


def with_gaps(found: Map) -> Map:
    """The map with what is missing on each island, for the share that the test rows have there."""
    has = [island.counts.get(KEPT, 0) for island in found.islands]
    due = [island.counts.get(TEST, 0) for island in found.islands]
    islands = []
    for island, missing in zip(found.islands, shortfalls(has, due), strict=True):
        islands.append(island.model_copy(update={"missing": missing}))
    return found.model_copy(update={"islands": tuple(islands)})


def largest_first(
    lacks: Iterable[Estimate | None],
    words: Iterable[Sequence[str]],
) -> list[tuple[Estimate, str]]:
    """The groups that lack rows, with what they speak of, the largest gap first.

    Args:
        lacks: What each group lacks; None where nothing.
        words: What each group speaks of.
    """
    found: list[tuple[Estimate, str]] = []
    for lack, named in zip(lacks, words, strict=True):
        if lack is not None:
            name = ", ".join(named) or "rows without telling words"
            found.append((lack, name))
    found.sort(key=lambda pair: -pair[0].value)
    return found
