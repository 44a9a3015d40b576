"""How many leaks may have gone unseen: edited copies of test rows are planted and looked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunewell.similar.conversations import ComparedRow, Conversation
from tunewell.similar.leaks import (
    Leak,
    RowT,
    find_leaks,
)
from tunewell.stats.missed import most_present
from tunewell.types import Estimate

PROBES = 200
"""Edited copies of test rows that are planted."""

_EDITS = (0.05, 0.25)
"""Share of its words that is edited in each copy, drawn between these."""

_REPLACED, _DELETED, _INSERTED = 0.6, 0.8, 1.0
"""Of the edits, six in ten replace a word, two delete one, two put one in."""


def missed_bound(leaks: Sequence[Leak[RowT]], tests: Sequence[RowT]) -> Estimate:
    """Leaks found, with an upper bound (95 %) on how many there are.

    Of N leaks as hard as the planted copies, the number found is binomial with the recall of the
    copies (see `tunewell.stats.missed`).
    """
    random = np.random.default_rng(20261122)
    rows = [_conversation(test) for test in tests]
    chosen = [rows[i] for i in random.permutation(len(rows))[:PROBES]]
    known = _words_of(chosen)
    probes = [_probe(test, known, random) for test in chosen]

    found = find_leaks(probes, rows, children=False)
    right = sum(leak.test.id == leak.train.parent for leak in found)
    edited = sum(leak.edited for leak in leaks)
    most = most_present(
        edited,
        planted=len(probes),
        planted_found=right,
        limit=len(tests),
    )
    return Estimate(
        value=float(len(leaks)),
        low=float(len(leaks)),
        high=float(len(leaks) + max(0, most - edited)),
        n=len(probes),
        method="count, planted probes",
        unit="rows",
    )


def _conversation(row: ComparedRow) -> Conversation:
    return Conversation(
        id=row.id,
        turns=tuple(row.turns),
        group=row.group,
        parent=row.parent,
    )


def _words_of(rows: Sequence[Conversation]) -> list[str]:
    known: set[str] = set()
    for row in rows:
        known.update(row.input.split())
        known.update(row.target.split())
    return sorted(known) or ["word"]


def _probe(
    test: Conversation,
    known: Sequence[str],
    random: np.random.Generator,
) -> Conversation:
    """An edited copy of a test row; what is the same for every row (system turns) stays."""
    turns = []
    for role, text in test.turns:
        changed = text if role == "system" else _edit(text, known, random)
        turns.append((role, changed))
    return Conversation(f"probe {test.id}", tuple(turns), parent=test.id)


def _edit(
    text: str,
    known: Sequence[str],
    random: np.random.Generator,
) -> str:
    share = random.uniform(*_EDITS)
    out: list[str] = []
    for word in text.split():
        is_edited = random.random() < share
        kind = random.random() if is_edited else _INSERTED
        other = known[int(random.integers(len(known)))]
        if kind < _REPLACED:
            out.append(other)
        elif kind >= _INSERTED:
            out.append(word)
        elif kind >= _DELETED:
            out += [word, other]
    return " ".join(out)
