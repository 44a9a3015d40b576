"""What each adapter of a job does with each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from tunewell.train.arrays import Mask


@dataclass(frozen=True, eq=False)
class Masks:
    """What each adapter of a job does with each row; every mask has shape (adapters, rows).

    Attributes:
        train: Trained on.
        held_out: Never seen.
        measure: Measured.
    """

    train: Mask
    held_out: Mask
    measure: Mask

    @classmethod
    def leaving_out(cls, held_out: Mask, *, also: Mask | None = None) -> Self:
        """Trained on the rest, measured on what is left out and on what is named."""
        measure = held_out if also is None else held_out | also
        return cls(
            train=~held_out,
            held_out=held_out,
            measure=measure,
        )

    @classmethod
    def everything(cls, rows: int) -> Self:
        """One adapter, trained on all rows and measured on none."""
        none = np.zeros((1, rows), np.bool_)
        return cls(
            train=~none,
            held_out=none,
            measure=none,
        )
