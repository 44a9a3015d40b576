"""When a cell stops asking: on an interval of its acceptance rate, not on a raw share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from tunewell.stats import proportion
from tunewell.types import Estimate

WINDOW: Final = 300
"""Candidates that the rate is taken from: what a generator has left to say gets less."""

ERROR: Final = 0.05
"""Chance that a cell whose rate is high enough is ever stopped, over all looks."""

_MOST_PER_NEED: Final = 4
_FEWEST: Final = 4


def level_of_look(look: int) -> float:
    """The level of the interval at the 1st, 2nd … look, so that all together err by `ERROR`.

    The errors of the looks, ``ERROR / (look (look + 1))``, add up to `ERROR`.

    Example:
        >>> round(level_of_look(1), 4), round(level_of_look(10), 5)
        (0.975, 0.99955)
    """
    return 1 - ERROR / (look * (look + 1))


def acceptance_rate(
    taken: Sequence[bool],
    *,
    look: int,
) -> Estimate | None:
    """The share of the latest candidates that were taken; None before there are any.

    Args:
        taken: In the order in which they were decided; those that were not needed are left out.
        look: How often the cell was looked at, this time included.

    Example:
        >>> str(acceptance_rate([True] * 30 + [False] * 10, look=1))
        '0.75 [0.566, 0.886]'
    """
    latest = taken[-WINDOW:]
    if not latest:
        return None
    return proportion(
        sum(latest),
        len(latest),
        method="clopper-pearson",
        level=level_of_look(look),
    )


def how_many_to_ask(
    missing: int,
    rate: Estimate | None,
) -> int:
    """Candidates of the next round: as many as the rate so far makes of the rows that are missing.

    The first round asks for no more than are wanted.

    Example:
        >>> how_many_to_ask(40, None)
        40
        >>> how_many_to_ask(10, acceptance_rate([True, False] * 20, look=1))
        20
    """
    if rate is None:
        return missing
    most = _MOST_PER_NEED * missing + _FEWEST
    if rate.value <= 0:
        return most
    return min(math.ceil(missing / rate.value), most)


def why_stop(
    rate: Estimate | None,
    *,
    least: float,
) -> str:
    """Why a cell should ask no more; empty while its rate may be high enough.

    Example:
        >>> why_stop(acceptance_rate([False] * 60, look=1), least=0.1)
        'of the last 60 candidates 0 % were taken, at most 7.04 %: less than least_rate = 10 %'
    """
    if rate is None or rate.high >= least:
        return ""
    return (
        f"of the last {rate.n} candidates {_percent(rate.value)} were taken, at most "
        f"{_percent(rate.high)}: less than least_rate = {_percent(least)}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
