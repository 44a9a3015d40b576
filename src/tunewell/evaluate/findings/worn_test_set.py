"""E09: a test set that has been looked at too often."""

from __future__ import annotations

from tunewell.evaluate.findings.common import STAGE
from tunewell.plurals import plural
from tunewell.task import TaskFile
from tunewell.types import Estimate, Evaluation, Finding, Threshold

CODE = "E09"


def worn_test_set(evaluation: Evaluation, file: TaskFile) -> Finding:
    """E09: how often this test set has been looked at."""
    looks = evaluation.looks
    limit = file.spec.evaluate.max_looks
    times = plural(looks, "time")
    found = Finding(
        code=CODE,
        status="clear",
        stage=STAGE,
        why=f"This test set has been looked at {times}; {limit} are allowed.",
        estimate=Estimate.exact(float(looks), n=looks, unit="looks"),
        threshold=Threshold(value=float(limit), origin=file.where("evaluate.max_looks")),
    )
    if looks <= limit:
        return found
    remedy = "draw fresh rows for the test set: change split.seed, or add new rows"
    return found.model_copy(
        update={
            "status": "found",
            "remedy": remedy,
            "blocking": True,
        }
    )
