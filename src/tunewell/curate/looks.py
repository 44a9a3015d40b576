"""What a person may look at after curation: the map of the rows, and families side by side (see `Shown`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tunewell.curate.gaps import with_gaps
from tunewell.curate.leaks import Leak
from tunewell.curate.rows import InputRow, Ledger
from tunewell.similar import similarities, split_words
from tunewell.similar.meaning_map import make_map
from tunewell.similar.shown_families import KEPT, TEST, Kin, Map, Member, Shown
from tunewell.similar.vectors import available

FAMILIES = 8
"""Families shown of each pitfall."""

MEMBERS = 4
"""Rows shown of a family."""

LONGEST = 1_600
"""Characters shown of a text."""

_CHOSEN_FROM = 500
_PRIVATE = "D07"


def to_look_at(
    rows: Sequence[InputRow],
    ledger: Ledger,
    families: Mapping[str, Sequence[Sequence[InputRow]]],
    leaks: Sequence[Leak],
) -> Shown:
    """What there is to look at; rows dropped for personal data are left out.

    Args:
        rows: Every row that was read.
        ledger: Their receipts.
        families: By pitfall, rows that belong together.
        leaks: Training rows with the test rows that they give away.
    """
    fates = ledger.fates()
    wanted = {code: families[code] for code in ("D04", "D05", "D09") if families.get(code)}
    shown = [kin for code, groups in wanted.items() for kin in _kin(code, groups, fates)]
    near = [leak for leak in leaks if leak.kind in ("edited", "paraphrased", "normalised")]
    shown += _leaks(near)
    numbers = {code: len(groups) for code, groups in wanted.items()} | (
        {"D11": len(near)} if near else {}
    )
    made = _map(rows, fates) if available() else None
    why = (
        ""
        if made
        else "fewer than 20 rows"
        if available()
        else "the part 'vectors' is not installed"
    )
    return Shown(map=made, why=why, families=tuple(shown), numbers=numbers)


def _map(rows: Sequence[InputRow], fates: Mapping[str, str]) -> Map | None:
    seen = [row for row in rows if fates.get(row.id) != _PRIVATE]
    texts = [row.input or row.target for row in seen]
    made = make_map(
        [row.id for row in seen],
        texts,
        [fates.get(row.id) or (TEST if row.held else KEPT) for row in seen],
    )
    return with_gaps(made) if made else None


def _kin(code: str, groups: Sequence[Sequence[InputRow]], fates: Mapping[str, str]) -> list[Kin]:
    groups = [
        group
        for group in groups[:_CHOSEN_FROM]
        if _PRIVATE not in {fates.get(row.id) for row in group[:MEMBERS]}
    ]
    said = _alike([(group[0], group[1]) for group in groups])
    return [
        Kin(
            code=code,
            size=len(groups[i]),
            members=tuple(
                _member(row, _note(groups[i][0], row) if row is not groups[i][0] else "")
                for row in groups[i][:MEMBERS]
            ),
        )
        for i in _spread(said)
    ]


def _leaks(leaks: Sequence[Leak]) -> list[Kin]:
    leaks = leaks[:_CHOSEN_FROM]
    picked = [leaks[i] for i in _spread(np.array([leak.similarity for leak in leaks]))]
    return [
        Kin(
            code="D11",
            size=2,
            members=(_member(leak.test, "test row"), _member(leak.train, leak.kind)),
        )
        for leak in picked
    ]


def _spread(similarity: np.ndarray[tuple[int], np.dtype[np.float32]]) -> list[int]:
    """Up to `FAMILIES` positions evenly over the range, the most edited first."""
    order = np.argsort(similarity, kind="stable")
    return [
        int(i)
        for i in order[
            np.unique(np.linspace(0, len(order) - 1, min(FAMILIES, len(order))).astype(int))
        ]
    ]


def _alike(
    pairs: Sequence[tuple[InputRow, InputRow]],
) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    words = split_words([f"{row.input}\n{row.target}" for pair in pairs for row in pair])
    left = np.arange(0, 2 * len(pairs), 2)
    return similarities(words, left, left + 1)


def _note(first: InputRow, row: InputRow) -> str:
    return f"similarity {_alike([(first, row)])[0]:.2f}"


def _member(row: InputRow, note: str) -> Member:
    return Member(
        row=row.id,
        asked=row.input[:LONGEST],
        answer=row.target[:LONGEST],
        note=note,
        dropped=row.dropped,
    )
