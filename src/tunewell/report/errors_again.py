"""Whether the reported version makes errors again that people had corrected."""

from __future__ import annotations

from tunewell.report.results import Results
from tunewell.review.human_changes import Recurrence


def errors_again(results: Results) -> Recurrence | None:
    """The recurrence of corrected errors in the reported version; None if nobody looked."""
    train = results.runs.get("train")
    if train is None:
        return None
    for run in reversed(results.store.runs(stage="recurrence", status="finished")):
        if run.inputs.get("trained") == train.outputs.get("trained"):
            return results.store.get_value(run.outputs["recurrence"], Recurrence)
    return None
