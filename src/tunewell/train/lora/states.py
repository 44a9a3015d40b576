"""What the frozen layers make of rows: their states at the cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from tunewell.train.arrays import Ints
from tunewell.train.lora.batches import NOBODY
from tunewell.train.lora.device import send
from tunewell.train.lora.network import FrozenDecoder
from tunewell.train.lora.rows import TrainRow


class StatesAtCut(Protocol):
    """Whatever gives them: `tunewell.train.lora.trunk.Trunk` from a cache, or `FreshStates`."""

    def take(self, places: Ints, length: int) -> Tensor:
        """States of rows, padded.

        Args:
            places: Rows, -1 = none; shape (adapters, rows).
            length: Tokens to pad to.

        Returns:
            Shape (adapters, rows, length, width), on the processor or on the base's device.
        """
        ...


@torch.no_grad()
def run_to_cut(
    network: FrozenDecoder,
    rows: Sequence[TrainRow],
    places: Sequence[int],
    *,
    length: int,
    cut: int,
) -> Tensor:
    """Pad rows, embed them, and run them up to the cut.

    Args:
        network: The frozen base.
        rows: All rows.
        places: Which of them, -1 = none.
        length: Tokens to pad to.
        cut: First layer that is not run; 0 = the embeddings alone.

    Returns:
        Shape (places, length, width).
    """
    ids = np.zeros((len(places), length), np.int64)
    for i, row in enumerate(places):
        if row != NOBODY:
            own = rows[row].ids
            ids[i, : len(own)] = own
    hidden = network.embed(send(ids, network.head.device))
    if not cut:
        return hidden
    return network.run(hidden[None], first=0, last=cut)[0]


class FreshStates:
    """States computed when asked for: for embeddings, and for too few rows to be worth a cache.

    Args:
        network: The frozen base.
        rows: All rows.
        cut: First layer that is not run.
    """

    def __init__(
        self,
        network: FrozenDecoder,
        rows: Sequence[TrainRow],
        cut: int,
    ) -> None:
        self._network = network
        self._rows = rows
        self._cut = cut

    def take(self, places: Ints, length: int) -> Tensor:
        """See `StatesAtCut`."""
        chosen = places.ravel().tolist()
        hidden = run_to_cut(self._network, self._rows, chosen, length=length, cut=self._cut)
        return hidden.view(*places.shape, length, -1)
