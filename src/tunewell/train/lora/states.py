"""States of the frozen layers at the cut, computed when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.train.lora.rows import TrainRow


class FreshStates:
    """States at a cut computed when asked for: too few rows to be worth a cache."""

    def __init__(self, network: Any, rows: Sequence[TrainRow], cut: int) -> None:
        self._network, self._rows, self._cut = network, rows, cut

    def take(self, places: NDArray[np.int64], length: int) -> Any:
        """See `tunewell.train.lora.job.States`."""
        import torch

        ids = np.zeros((places.size, length), np.int64)
        for i, r in enumerate(places.ravel().tolist()):
            if r >= 0:
                ids[i, : len(self._rows[r].ids)] = self._rows[r].ids
        with torch.no_grad():
            hidden = self._network.embed(torch.from_numpy(ids).to(self._network.head.device))[None]
            hidden = self._network.run(hidden, first=0, last=self._cut)
        return hidden.view(*places.shape, length, -1)
