from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.train.diagnose.traces import world
from tunewell.train.diagnose.fragility import fragility


@pytest.mark.parametrize(
    ("gains", "status"),
    [([0.5, 0.6, 0.55, 0.5, 0.6], "clear"), ([0.9, -0.4, 0.1, 0.5, -0.6], "found")],
)
def test_a_gain_that_hangs_on_the_fold_is_fragile(gains: list[float], status: str) -> None:
    trace, _, _ = world(rows=100)
    losses = trace.losses.copy()
    losses[1] = losses[0] - np.asarray(gains, np.float32)[:, None]
    finding = fragility(replace(trace, losses=losses), 1)
    assert finding.status == status
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(np.mean(gains), abs=1e-5)
