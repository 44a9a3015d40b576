"""What a person may look at after curation: the map of the rows, and families side by side.

See `tunewell.similar.shown_families`.
"""

from __future__ import annotations

from collections.abc import (
    Iterator,
    Mapping,
    Sequence,
)

import numpy as np

from tunewell.curate.leaks import RowLeak
from tunewell.curate.receipts import Ledger
from tunewell.curate.rows import (
    InputRow,
    gists_of,
    ids_of,
)
from tunewell.similar import similarities, split_words
from tunewell.similar.arrays import Shares
from tunewell.similar.gaps import with_gaps
from tunewell.similar.meaning_map import make_map
from tunewell.similar.shown_families import (
    KEPT,
    TEST,
    Kin,
    Map,
    Member,
    Shown,
)
from tunewell.similar.vectors import available

FAMILIES = 8
"""Families shown of each pitfall."""

MEMBERS = 4
"""Rows shown of a family."""

LONGEST = 1_600
"""Characters shown of a text."""

_CHOSEN_FROM = 500
_PRIVATE = "D07"
_IN_OTHER_WORDS = ("edited", "paraphrased", "normalised")
_OF_FAMILIES = ("D04", "D05", "D09")


def to_look_at(
    rows: Sequence[InputRow],
    ledger: Ledger,
    families: Mapping[str, Sequence[Sequence[InputRow]]],
    leaks: Sequence[RowLeak],
) -> Shown:
    """What there is to look at; rows dropped for personal data are left out.

    Args:
        rows: Every row that was read.
        ledger: Their receipts.
        families: By pitfall, rows that belong together.
        leaks: Training rows with the test rows that they give away.
    """
    fates = ledger.fates()
    shown: list[Kin] = []
    numbers: dict[str, int] = {}
    for code in _OF_FAMILIES:
        groups = families.get(code, ())
        if groups:
            shown += _kin(code, groups, fates)
            numbers[code] = len(groups)

    near = [leak for leak in leaks if leak.kind in _IN_OTHER_WORDS]
    if near:
        shown += _leaks(near)
        numbers["D11"] = len(near)

    made, why = _map(rows, fates)
    return Shown(
        map=made,
        why=why,
        families=tuple(shown),
        numbers=numbers,
    )


def _map(rows: Sequence[InputRow], fates: Mapping[str, str]) -> tuple[Map | None, str]:
    """The map of the rows, or why there is none."""
    if not available():
        return None, "the part 'vectors' is not installed"
    seen = [row for row in rows if fates.get(row.id) != _PRIVATE]
    survived = {row.id: TEST if row.held else KEPT for row in seen}
    known = {**survived, **fates}
    names = ids_of(seen)
    made = make_map(names, gists_of(seen), [known[name] for name in names])
    if made is None:
        return None, "fewer than 20 rows"
    return with_gaps(made), ""


def _kin(
    code: str,
    groups: Sequence[Sequence[InputRow]],
    fates: Mapping[str, str],
) -> Iterator[Kin]:
    """Families of a pitfall, kept rows first, evenly over how far their first two rows agree."""
    public = []
    for unordered in groups[:_CHOSEN_FROM]:
        group = sorted(unordered, key=_is_dropped)
        shown_fates = {fates.get(row.id) for row in group[:MEMBERS]}
        if _PRIVATE not in shown_fates:
            public.append(group)

    likeness = _likeness([(group[0], group[1]) for group in public])
    for i in _spread(likeness):
        first, *others = public[i][:MEMBERS]
        members = [_member(first, "")]
        for row in others:
            similarity = _likeness([(first, row)])[0]
            members.append(_member(row, f"similarity {similarity:.2f}"))
        yield Kin(code=code, size=len(public[i]), members=tuple(members))


def _leaks(leaks: Sequence[RowLeak]) -> Iterator[Kin]:
    leaks = leaks[:_CHOSEN_FROM]
    likeness = np.array([leak.similarity for leak in leaks], dtype=np.float32)
    for i in _spread(likeness):
        leak = leaks[i]
        members = (_member(leak.test, "test row"), _member(leak.train, leak.kind))
        yield Kin(code="D11", size=2, members=members)


def _spread(similarity: Shares) -> list[int]:
    """Up to `FAMILIES` positions evenly over the range, the most edited first."""
    order = np.argsort(similarity, kind="stable")
    evenly = np.linspace(0, len(order) - 1, min(FAMILIES, len(order)))
    places: list[int] = order[np.unique(evenly.astype(int))].tolist()
    return places


def _likeness(pairs: Sequence[tuple[InputRow, InputRow]]) -> Shares:
    """Similarity of the words of each pair of rows."""
    words = split_words([row.whole for pair in pairs for row in pair])
    left = np.arange(0, 2 * len(pairs), 2)
    return similarities(words, left, left + 1)


def _is_dropped(row: InputRow) -> bool:
    return row.dropped


def _member(row: InputRow, note: str) -> Member:
    return Member(
        row=row.id,
        asked=row.input[:LONGEST],
        answer=row.target[:LONGEST],
        note=note,
        dropped=row.dropped,
    )
