"""E08: answers with outdated values."""

from __future__ import annotations

import numpy as np

from tunewell.evaluate.findings.common import STAGE, ZERO, unchecked
from tunewell.evaluate.lookup import picked
from tunewell.evaluate.metric_kinds import metrics_of_kind
from tunewell.evaluate.scored_arms import ScoredArms
from tunewell.stats import mean
from tunewell.types import Finding

CODE = "E08"


def outdated(measured: ScoredArms) -> Finding:
    """E08: values that the facts file calls outdated, early or wrong at the question's date."""
    table = measured.table
    specs = metrics_of_kind(measured.file, "currency")
    if not specs or not table.has("tuned", specs[0].name):
        why = (
            "tunewell.yaml names no currency metric: answers are not checked against a facts file."
        )
        return unchecked(CODE, why)

    metric = specs[0].name
    values = table.values["tuned", metric]
    wrong = np.where(np.isnan(values), np.nan, (values < 1).astype(float))
    asked = wrong[table.mask(metric)]
    rate = mean(
        asked,
        low=0,
        high=1,
        level=measured.level,
    )
    rows = tuple(picked(table.rows, values < 1))
    found = Finding(
        code=CODE,
        status="clear",
        stage=STAGE,
        why=f"{len(rows)} of {asked.size} tuned answers state a value that is outdated or wrong at "
        "the question's date.",
        estimate=rate.model_copy(update={"unit": "share of answers"}),
        threshold=ZERO,
        rows=rows,
    )
    if not rows:
        return found
    remedy = "add rows with the changed facts, then train again; read the rows named"
    return found.model_copy(update={"status": "found", "remedy": remedy})
