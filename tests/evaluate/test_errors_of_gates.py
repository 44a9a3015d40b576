"""The promise of the gates, on fewer simulated candidates than the benchmark's."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.evaluation.gates import TASK, cell
from scipy.stats import binom

from tunewell.task import parse_task

COUNT = 250


@pytest.mark.parametrize(("n", "family"), [(60, 1), (200, 1), (150, 3)])
def test_wrong_verdicts_keep_to_their_share(n: int, family: int) -> None:
    file = parse_task(TASK, path=Path("tunewell.yaml"), environment={})
    found = cell(file, n, family, COUNT, seed=n)
    # More wrong ones than this would come in one run of a thousand if the share were 2.5 %.
    most = binom.ppf(0.999, COUNT, 0.025) / COUNT
    assert found["edge_wrong_go"] <= most
    assert found["edge_wrong_no_go"] <= most
    assert found["wrong_go"] <= most
    assert found["wrong_no_go"] <= most
    assert found["right_go"] > found["wrong_go"]
