"""The preference at every look, as the points of a small chart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tunewell.stats import Look

WIDTH = 600.0
HEIGHT = 180.0
_COUNT = re.compile(r"(\d+) of \d+ verdicts")


def trajectory(looks: Sequence[Look], planned: int) -> dict[str, Any]:
    """Where the interval and the estimate of each look are drawn.

    Args:
        looks: In order.
        planned: Verdicts at which the comparison ends: the right edge.

    Returns:
        ``band`` (a polygon), ``line`` (the estimates), ``end`` (the last point) and the size; empty
        without looks.
    """
    upper, lower, line = [], [], []
    for look in looks:
        found = _COUNT.search(look.why)
        if found is None:
            continue
        x = WIDTH * int(found[1]) / max(planned, 1)
        upper.append(f"{x:.1f},{_height(look.estimate.high):.1f}")
        lower.append(f"{x:.1f},{_height(look.estimate.low):.1f}")
        line.append(f"{x:.1f},{_height(look.estimate.value):.1f}")
    if not line:
        return {}
    return {
        "band": " ".join([*upper, *reversed(lower)]),
        "line": " ".join(line),
        "end": line[-1].split(","),
        "width": WIDTH,
        "height": HEIGHT,
        "middle": HEIGHT / 2,
    }


def _height(share: float) -> float:
    return HEIGHT * (1 - share)
