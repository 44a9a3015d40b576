"""Rows that repeat or contradict each other: exact copies, near-duplicates, same input with another answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from tunewell.curate.rows import InputRow, Ledger
from tunewell.similar import (
    THRESHOLD,
    Links,
    Pairs,
    by_key,
    copies,
    key,
    near_pairs,
    split_words,
    template_families,
    without,
)
from tunewell.task import TaskFile


def exact(rows: Sequence[InputRow], file: TaskFile, ledger: Ledger) -> list[list[InputRow]]:
    """Keep one of each set of equal rows (D03), equal after normalisation; gives the families."""
    rule = file.spec.rules.exact_duplicates
    cites = file.where("rules.exact_duplicates")
    families = same(rows)
    for family in families:
        if rule == "report":
            ledger.seen("D03", [row.id for row in family[1:]])
            continue
        kept = max(family, key=lambda r: r.date or dt.date.min) if rule == "newest" else family[0]
        for row in family:
            if row is not kept:
                ledger.drop(
                    row,
                    "exact duplicates",
                    f"one of equal rows is kept: the {rule}",
                    cites=cites,
                    code="D03",
                    evidence="equal after normalisation",
                    other=kept.id,
                )
    return families


def same(rows: Sequence[InputRow]) -> list[list[InputRow]]:
    """Families of rows that are equal after normalisation."""
    return [
        [rows[i] for i in members]
        for members in by_key([key(row.input, row.target) for row in rows])
    ]


def near(
    rows: Sequence[InputRow], file: TaskFile, ledger: Ledger
) -> tuple[list[list[InputRow]], list[list[InputRow]]]:
    """Keep the first of each family of edited copies (D04).

    Gives these families, and those of one template (D05).
    """
    pairs, templates = duplicates(rows)
    best: dict[int, tuple[float, int]] = {}
    for i, j, similarity in zip(
        pairs.left.tolist(), pairs.right.tolist(), pairs.similarity.tolist(), strict=True
    ):
        for one, other in ((j, i), (i, j)):
            if similarity > best.get(one, (0.0, 0))[0]:
                best[one] = (similarity, other)
    families = _closed(pairs, len(rows))
    report = file.spec.rules.near_duplicates == "report"
    for group in families:
        for j in group[1:]:
            if report:
                ledger.seen("D04", [rows[j].id])
                continue
            similarity, i = best.get(j, (0.0, group[0]))
            ledger.drop(
                rows[j],
                "near duplicates",
                f"one of a family is kept: word similarity from {THRESHOLD}",
                cites=file.where("rules.near_duplicates"),
                code="D04",
                evidence=f"similarity {similarity:.2f}",
                other=rows[i].id,
            )
    return [[rows[i] for i in group] for group in families], [
        [rows[i] for i in group] for group in templates
    ]


def _closed(pairs: Pairs, n: int) -> list[list[int]]:
    """Families of the pairs, closed transitively."""
    links = Links(n)
    for i, j in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True):
        links.join(i, j)
    return [group for group in links.groups() if len(group) > 1]


def duplicates(rows: Sequence[InputRow]) -> tuple[Pairs, list[list[int]]]:
    """Pairs of rows that are edited copies (see `tunewell.similar.copies`), and template families, which are not."""
    asked = split_words([row.input for row in rows])
    answers = split_words([row.target for row in rows])
    whole = split_words([f"{row.input}\n{row.target}" for row in rows])
    pairs = near_pairs(whole)
    templates = template_families(whole, pairs)
    keep = copies(asked, answers, whole, pairs) & without(pairs, templates, len(rows))
    return Pairs(pairs.left[keep], pairs.right[keep], pairs.similarity[keep]), templates


def likeness(rows: Sequence[InputRow]) -> tuple[list[list[InputRow]], list[list[InputRow]]]:
    """Families of edited copies, and families of rows from one template."""
    pairs, templates = duplicates(rows)
    return [[rows[i] for i in g] for g in _closed(pairs, len(rows))], [
        [rows[i] for i in g] for g in templates
    ]
