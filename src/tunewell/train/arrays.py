"""Names for arrays by the kind of number in them; docstrings say their shapes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]
TokenIds = NDArray[np.int32]
Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
"""Half as wide as `Floats`: what losses and adapters are kept in."""
