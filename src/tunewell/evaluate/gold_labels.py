"""Gold labels that the definition does not know (D10)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tunewell.evaluate.classes import label_metrics
from tunewell.metrics.label import unknown_gold
from tunewell.task import TaskFile
from tunewell.types import Estimate, Example, Finding

_MOST_SHOWN: Final = 5


def gold_outside_labels(rows: Sequence[Example], file: TaskFile) -> Iterator[Finding]:
    """One finding for each label metric whose gold labels are not all among its `labels`."""
    for metric, options in label_metrics(file).items():
        unknown = unknown_gold(rows, options)
        if not unknown:
            continue
        count = sum(unknown.values())
        names = ", ".join(repr(label) for label, _ in unknown.most_common(_MOST_SHOWN))
        more = " …" if len(unknown) > _MOST_SHOWN else ""
        have = "row has a gold label" if count == 1 else "rows have gold labels"
        yield Finding(
            code="D10",
            status="found",
            stage="evaluate",
            why=f"{count} held-out {have} that {metric} does not list: {names}{more}.",
            estimate=Estimate.exact(count, n=len(rows)),
            remedy="correct the rows, or add the labels to the metric's options",
        )
