"""How fast recordings are written down, kept beside an evaluation and never in it."""

from __future__ import annotations

from typing import Final

from tunewell.types.figures import Estimate, Unscored
from tunewell.types.values import Value

REAL_TIME_FACTOR: Final = "real_time_factor"

FOR_INFORMATION: Final = (
    "real_time_factor is measured automatically for recordings, for information only: it varies "
    "between runs and machines, so it can be neither a metric nor part of a gate."
)
"""Why it cannot be listed among the metrics, nor asked of by a gate."""


class Speed(Value):
    """The real-time factor of one arm: for information, and no two runs give the same.

    Attributes:
        arm: ``base``, ``tuned`` …
        real_time_factor: Seconds of work per second of sound, one recording at a time, from the
            file to the words; ``n`` is the number of recordings.
        machine: What it ran on.

    Example:
        >>> factor = Estimate(value=0.1, low=0.09, high=0.12, n=16, method="ratio", unit="s/s")
        >>> print(Speed(arm="base", real_time_factor=factor, machine="a Xeon, 2 threads"))
        0.1 [0.09, 0.12] s/s over 16 recordings on a Xeon, 2 threads
    """

    arm: str
    real_time_factor: Estimate | Unscored
    machine: str

    def __str__(self) -> str:
        factor = self.real_time_factor
        if isinstance(factor, Unscored):
            return f"unchecked: {factor.reason}"
        return f"{factor} s/s over {factor.n} recordings on {self.machine}"
