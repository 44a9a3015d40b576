"""Which rows come first: suspected wrong targets, and rows unlike the training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from tunewell.people.nearest_texts import Near
from tunewell.store import Store

SUSPICIOUS = ("D10", "D09")
"""Pitfalls that name rows: label errors by held-out loss, then contradictions."""


def suspicious(store: Store, codes: Sequence[str] = SUSPICIOUS) -> list[str]:
    """Rows whose targets the newest curation or training suspects, the worst first.

    Held-out losses (D10) point at single rows, contradictions (D09) at rows of which at least one
    is wrong.
    """
    runs = [store.last_run(stage) for stage in ("curate", "train")]
    findings = [f for run in runs if run is not None for f in run.findings]
    rows: list[str] = []
    for code in codes:
        for finding in findings:
            if finding.code == code and finding.status == "found":
                rows += finding.rows
    return list(dict.fromkeys(rows))


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
    likeness: dict[str, float] = {}
    for name, text in rows.items():
        nearest = near.to(text, count=1)
        likeness[name] = max((score for _, score in nearest), default=0.0)
    return sorted(likeness, key=lambda name: (likeness[name], name))[:count]


def mixed(parts: Sequence[Sequence[str]], *, count: int) -> list[str]:
    """Rows of several lists in turn, the first of each first, none twice, at most ``count``.

    Example:
        >>> mixed([["a", "b"], ["b", "c", "d"]], count=3)
        ['a', 'b', 'c']
    """
    in_turn: dict[str, None] = {}
    for rank in zip_longest(*parts):
        in_turn.update((name, None) for name in rank if name is not None)
    return list(in_turn)[:count]
