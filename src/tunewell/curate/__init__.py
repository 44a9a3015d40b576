"""From raw files to a dataset in which every input row can be accounted for."""

from __future__ import annotations

from tunewell.curate.pipeline import (
    curate,
    inputs_of,
    parameters_of,
)

__all__ = ["curate", "inputs_of", "parameters_of"]
