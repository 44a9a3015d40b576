"""D03 and D09 of held-out rows that no curation has seen: copies, and questions with two answers.

The rows of a project are looked at in curation; those of a test set alone, or that files of outputs
bring with them, only here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from tunewell.evaluate.findings.common import STAGE, clear, unchecked
from tunewell.evaluate.foreign.collect import UNKNOWN
from tunewell.evaluate.scored_arms import ScoredArms
from tunewell.plurals import per_cent
from tunewell.similar.contradictions import contradictory
from tunewell.similar.conversations import Conversation, asked_of
from tunewell.similar.exact_keys import key
from tunewell.similar.union_find import by_key
from tunewell.types import Estimate, Example, Finding, Threshold

MOST_COPIES: Final = 0.05
MOST_CONTRADICTIONS: Final = 0.01
"""Shares of the held-out rows, as `tunewell doctor` takes them for a file."""
_NO_QUESTION: Final = 0.5
"""An input that more rows have than this is an instruction, and no question."""


def unclean_test_rows(measured: ScoredArms) -> list[Finding]:
    """D03 and D09 of the held-out rows, where the outputs were made elsewhere; else nothing."""
    if not measured.made_elsewhere:
        return []
    return list(_found([row for row in measured.rows if row.input.strip() not in {"", UNKNOWN}]))


def _found(rows: Sequence[Example]) -> Iterator[Finding]:
    asked = [Conversation.of(row) for row in rows]
    inputs = Counter(key(asked_of(row), "") for row in asked)
    commonest = max(inputs.values(), default=0)
    if len(asked) < 2 or commonest > max(1, _NO_QUESTION * len(asked)):
        why = "The held-out rows bring no question of their own: they cannot be compared."
        yield unchecked("D03", why)
        yield unchecked("D09", why)
        return

    copies = []
    for group in by_key([key(asked_of(row), row.target) for row in asked]):
        copies += [rows[i].id for i in group[1:]]
    yield _judged("D03", copies, len(rows), MOST_COPIES, "repeat another one")

    # Of rows with several right answers, which one is written first says nothing.
    single = [c for c, row in zip(asked, rows, strict=True) if len(row.references) == 1]
    answered_twice = [row.id for family in contradictory(single) for row in family]
    told = "have a question that another one answers differently"
    yield _judged("D09", answered_twice, len(rows), MOST_CONTRADICTIONS, told)


def _judged(
    code: str,
    ids: Sequence[str],
    rows: int,
    limit: float,
    told: str,
) -> Finding:
    if not ids:
        return clear(code, f"None of {rows} held-out rows.")
    share = len(ids) / rows
    return Finding(
        code=code,
        status="found",
        stage=STAGE,
        why=f"{len(ids)} of {rows} held-out rows {told} ({per_cent(share, 1)}).",
        estimate=Estimate.exact(float(len(ids)), n=rows),
        threshold=Threshold(value=limit, origin="built-in"),
        rows=tuple(ids),
        remedy="look at the rows named; correct the test set",
        blocking=share > limit,
    )
