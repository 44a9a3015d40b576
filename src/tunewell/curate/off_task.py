"""Rows that do not belong to the task, told by meaning (D01; see `tunewell.similar.relevance`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunewell.curate.receipts import Ledger, StepRule
from tunewell.curate.rows import InputRow
from tunewell.similar.relevance import relevance
from tunewell.similar.vectors import available
from tunewell.task import TaskFile

_EXAMPLES = 4_000
"""Examples of either side, about."""

_LEAST_RECALL = 0.5
"""A classifier that may find less than half of the examples is not used."""

_MOST_OFF = 0.1
"""If more rows than this share look off-task, the examples are not to be trusted.

Then nothing is dropped.
"""


def drop_off_task(
    rows: Sequence[InputRow],
    others: Sequence[InputRow],
    file: TaskFile,
    ledger: Ledger,
) -> None:
    """Drop rows that carry no kind, or a wrong one, and read like those of a kind that is dropped.

    The rows that ``rules.kinds.drop`` named are the examples of what does not belong (D01).

    Args:
        rows: Rows that are still there.
        others: Rows dropped for their kind.
        file: The project's definition.
        ledger: Receipts.
    """
    if not available():
        return
    texts = [row.whole for row in rows]
    step = max(1, len(texts) // _EXAMPLES)
    not_belonging = [row.whole for row in others[:_EXAMPLES]]
    judged = relevance(texts, texts[::step], not_belonging)
    if judged is None or judged.recall.low < _LEAST_RECALL:
        return
    off = np.flatnonzero(judged.off).tolist()
    if len(off) > _MOST_OFF * len(rows):
        return

    by = StepRule(
        step="kinds",
        rule=f"reads like {', '.join(file.spec.rules.kinds.drop)}",
        cites=file.where("rules.kinds.drop"),
        code="D01",
    )
    for i in off:
        evidence = f"belongs {judged.belongs[i]:.2f}; precision {judged.precision}"
        ledger.drop(rows[i], by, evidence=evidence)
