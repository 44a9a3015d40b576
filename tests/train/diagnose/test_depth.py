from __future__ import annotations

import pytest

from tunewell.train.diagnose.depth import depth
from tunewell.types import Estimate


@pytest.mark.parametrize(
    ("low", "says"), [(0.01, "Depth pays"), (-0.01, "train.layers: 0.5 would train up to 2 times")]
)
def test_depth_is_offered_up_only_where_its_loss_is_not_measurable(low: float, says: str) -> None:
    lost = Estimate(value=0.05, low=low, high=0.1, n=40, method="paired t", unit="nats/token")
    said = depth(lost, share=0.5, faster=2.0)
    assert says in said
    assert str(lost) in said
