"""Rows of a project as what may be drawn for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from tunewell.people.sample import SampleCandidate
from tunewell.types import Example

NO_FAMILIES: Mapping[str, str] = MappingProxyType({})
NO_KINDS: Mapping[str, str] = MappingProxyType({})


def candidates(
    examples: Iterable[Example],
    slices: Sequence[str],
    families: Mapping[str, str],
    *,
    kinds: Mapping[str, str] = NO_KINDS,
) -> list[SampleCandidate]:
    """The rows with what a sample of them should mirror.

    Args:
        examples: The rows.
        slices: Fields that the sample mirrors, most important first.
        families: Family by row; a row without one stands alone.
        kinds: One more value that the sample mirrors, by row.

    Example:
        >>> row = Example(id="1", messages=(), tags={"region": "north"})
        >>> candidates([row], ["region"], {"1": "f1"})[0].strata
        ('north', '')
    """
    found: list[SampleCandidate] = []
    for example in examples:
        values = map(example.field, slices)
        candidate = SampleCandidate(
            id=example.id,
            strata=(*values, kinds.get(example.id, "")),
            family=families.get(example.id, ""),
        )
        found.append(candidate)
    return found
