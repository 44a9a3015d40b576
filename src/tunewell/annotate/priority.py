"""Which rows come first: suspected wrong targets, and rows unlike the training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest

from tunewell.people.nearest_texts import Near
from tunewell.store import Store

SUSPICIOUS = ("D10", "D09")
"""Pitfalls that name rows: label errors by held-out loss, then contradictions."""


def suspicious(store: Store, codes: Sequence[str] = SUSPICIOUS) -> list[str]:
    """Rows whose targets the newest curation or training suspects, the worst first.

    Held-out losses (D10) point at single rows, contradictions (D09) at rows of which at least one
    is wrong.
    """
    rows: dict[str, list[str]] = {code: [] for code in codes}
    for stage in ("curate", "train"):
        run = store.last_run(stage)
        for finding in run.findings if run else ():
            if finding.status == "found" and finding.code in rows:
                rows[finding.code] += finding.rows
    return list(dict.fromkeys(chain.from_iterable(rows.values())))


def novel(
    rows: Mapping[str, str],
    known: Sequence[str],
    *,
    count: int,
) -> list[str]:
    """Rows least like anything that is known, the least first.

    Args:
        rows: Text by id.
        known: Texts of the training rows.
        count: How many.

    Example:
        >>> known = ["my bill is late", "a late meter reading"]
        >>> novel({"a": "late bill", "b": "heat pump hums"}, known, count=1)
        ['b']
    """
    near = Near(known)
    likeness: list[tuple[float, str]] = []
    for name, text in rows.items():
        nearest = near.to(text, count=1)
        score = nearest[0][1] if nearest else 0.0
        likeness.append((score, name))
    likeness.sort()
    return [name for _, name in likeness[:count]]


def mixed(parts: Sequence[Sequence[str]], *, count: int) -> list[str]:
    """Rows of several lists in turn, the first of each first, none twice, at most ``count``.

    Example:
        >>> mixed([["a", "b"], ["b", "c", "d"]], count=3)
        ['a', 'b', 'c']
    """
    # Shorter lists are filled up with an id that no row has.
    in_turn = chain.from_iterable(zip_longest(*parts, fillvalue=""))
    names = dict.fromkeys(in_turn)
    names.pop("", None)
    return list(names)[:count]
