"""What a batch is to predict, and from where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tunewell.train.arrays import Floats, Ints, TokenIds
from tunewell.train.lora.batches import StepBatch
from tunewell.train.lora.device import send
from tunewell.train.lora.rows import TrainRow

STEP = 16
"""Windows grow by so many places: oneDNN compiles and keeps a kernel for every new shape."""


@dataclass(frozen=True, eq=False)
class Labels:
    """Target tokens of a batch.

    Attributes:
        wanted: Places of the states at work in the last layer, of all tokens counted through:
            (adapters, rows, few).
        at: Which of those predicts each target token, shape (labels,).
        tokens: The target tokens, shape (labels,).
        owner: The place in the batch that each belongs to, counted through; on the processor.
    """

    wanted: Tensor
    at: Tensor
    tokens: Tensor
    owner: Ints

    def split(self, values: Floats, places: int) -> list[Floats]:
        """Figures of all labels by the place in the batch that they belong to."""
        ends = np.cumsum(np.bincount(self.owner, minlength=places))
        return np.split(values, ends[:-1])


def labels_of(
    rows: Sequence[TrainRow],
    batch: StepBatch,
    device: torch.device,
) -> Labels:
    """The labels of a batch.

    A window of each row reaches from its first target to its end; windows are equally wide.
    """
    own = {place: rows[r] for place, r in batch.filled}
    most = max(1, *(len(row.ids) - row.start for row in own.values()))
    few = min(-(-most // STEP) * STEP, batch.length)

    begins = np.zeros(batch.rows.size, np.int64)
    at: list[Ints] = []
    tokens: list[TokenIds] = []
    for place, row in own.items():
        # The state of a token predicts the next one.
        begins[place] = min(row.start - 1, batch.length - few)
        targets = row.places
        at.append(targets - 1 - begins[place] + place * few)
        tokens.append(row.ids[targets])

    starts = begins + np.arange(len(begins)) * batch.length
    windows = starts[:, None] + np.arange(few)
    return Labels(
        wanted=send(windows.reshape(*batch.rows.shape, few), device),
        at=send(np.concatenate(at), device),
        tokens=send(np.concatenate(tokens).astype(np.int64), device),
        owner=np.repeat(list(own), [row.targets for row in own.values()]),
    )
