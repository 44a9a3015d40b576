"""Template families (D05): many rows made from one text with slots.

So many of each are kept, the rest dropped.

A family is no set of copies: its rows differ where it counts. But five hundred of them teach one
sentence five hundred times, so a project can cap each family, and what is kept should show as many
fillings of the slots as it can.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np

from tunewell.curate.rows import InputRow, Ledger
from tunewell.similar import split_words
from tunewell.task import TaskFile


def cap(
    families: Sequence[Sequence[InputRow]], file: TaskFile, ledger: Ledger
) -> list[list[InputRow]]:
    """Keep at most ``rules.templates.max_per_family`` rows of each family (0: all are kept.

    The Finding names them).

    Args:
        families: Rows of each template family.
        file: The project's definition.
        ledger: Takes a receipt for every row that goes.

    Returns:
        The families, as they were before.
    """
    rule = file.spec.rules.templates
    cites = file.where("rules.templates.max_per_family")
    for family in families:
        if not rule.max_per_family or len(family) <= rule.max_per_family:
            continue
        kept = {family[i].id for i in chosen(family, rule.max_per_family, by=rule.keep)}
        first = next(row for row in family if row.id in kept)
        for row in family:
            if row.id not in kept:
                words = (
                    f"at most {rule.max_per_family} rows of one template: the {_WORDS[rule.keep]}"
                )
                ledger.drop(
                    row,
                    "templates",
                    words,
                    cites=cites,
                    code="D05",
                    evidence=f"a template family of {len(family)} rows",
                    other=first.id,
                )
    return [list(family) for family in families]


_WORDS = {"diverse": "most different ones", "newest": "newest ones", "first": "first ones"}


def chosen(family: Sequence[InputRow], most: int, *, by: str) -> list[int]:
    """Positions of the rows that stay.

    Args:
        family: Rows of one template.
        most: How many stay.
        by: ``first``; ``newest`` (undated rows last); ``diverse``: each next row is the one with
            the most words that no chosen row has, which is what stands in the slots; once nothing
            is new, words count afresh.

    Example:
        >>> rows = [InputRow(str(i), "", [("user", f"the {w} bill")]) for i, w in enumerate("gas gas tax gas tax".split())]
        >>> chosen(rows, 2, by="diverse")
        [0, 2]
    """
    if by == "first":
        return list(range(min(most, len(family))))
    if by == "newest":
        order = sorted(
            range(len(family)), key=lambda i: (family[i].date or dt.date.min, -i), reverse=True
        )
        return sorted(order[:most])
    return _diverse(family, most)


def _diverse(family: Sequence[InputRow], most: int) -> list[int]:
    """Greedy cover of the family's words (Nemhauser, Wolsey and Fisher 1978: at least 1 - 1/e of the best)."""
    words = split_words([f"{row.input}\n{row.target}" for row in family])
    distinct, number = np.unique(words.codes, return_inverse=True)
    owner = np.repeat(np.arange(len(family)), words.lengths)
    entries = np.unique(owner * (len(distinct) + 1) + number)
    owner, number = np.divmod(entries, len(distinct) + 1)
    fresh = np.ones(len(distinct), dtype=np.float64)
    left = np.ones(len(family), dtype=bool)
    result: list[int] = []
    while len(result) < min(most, len(family)):
        gain = np.bincount(owner, weights=fresh[number], minlength=len(family))
        gain[~left] = -1.0
        best = int(np.argmax(gain))
        if gain[best] == 0.0 and not fresh.all():
            fresh[:] = 1.0
            continue
        result.append(best)
        left[best] = False
        fresh[number[owner == best]] = 0.0
    return sorted(result)
