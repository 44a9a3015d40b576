"""Rows that do not belong to the task, told by meaning (D01; see `tunewell.similar.relevance`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunewell.curate.receipts import Ledger, StepRule, still_there
from tunewell.curate.rows import InputRow, ids_of
from tunewell.similar.relevance import relevance
from tunewell.similar.vectors import available
from tunewell.task import TaskFile

_EXAMPLES = 4_000
"""Examples of either side, about."""

_LEAST_RECALL = 0.5
"""A classifier that may find less than half of the examples is not used."""

_LEAST_PRECISION = 0.8
"""Below this precision, measured on the examples, rows are reported and not dropped."""

_FEWEST_EXAMPLES = 12
"""Fewer rows with a kind do not show what belongs."""

_MOST_OFF = 0.1
"""If more rows than this share look off-task, the rows themselves are no examples.

Then nothing is dropped unless rows with a kind say what belongs.
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
    examples, judged_rows = _divided(rows)
    step = max(1, len(examples) // _EXAMPLES)
    judged = relevance(
        [row.whole for row in judged_rows],
        [row.whole for row in examples[::step]],
        [row.whole for row in others[:_EXAMPLES]],
        about=file.spec.task.about,
    )
    if judged is None or judged.recall.low < _LEAST_RECALL:
        return
    off = [judged_rows[i] for i in np.flatnonzero(judged.off).tolist()]
    has_examples = examples is not rows
    is_few = len(off) <= _MOST_OFF * len(rows)
    is_precise = judged.precision.value >= _LEAST_PRECISION
    if not (is_precise and (has_examples or is_few)):
        ledger.seen("D01", ids_of(off))
        ledger.seen(still_there("D01"), ids_of(off))
        return

    by = StepRule(
        step="kinds",
        rule=f"reads like {', '.join(file.spec.rules.kinds.drop)}",
        cites=file.where("rules.kinds.drop"),
        code="D01",
    )
    belongs = dict(zip(ids_of(judged_rows), judged.belongs.tolist(), strict=True))
    for row in off:
        evidence = f"belongs {belongs[row.id]:.2f}; precision {judged.precision}"
        ledger.drop(row, by, evidence=evidence)


def _divided(rows: Sequence[InputRow]) -> tuple[Sequence[InputRow], Sequence[InputRow]]:
    """Examples of what belongs, and the rows to judge.

    Rows that carry a kind are the examples for those that carry none; where there are too few of
    either, all rows are both.
    """
    with_kind = [row for row in rows if row.kind]
    without = [row for row in rows if not row.kind]
    if len(with_kind) >= _FEWEST_EXAMPLES and without:
        return with_kind, without
    return rows, rows
