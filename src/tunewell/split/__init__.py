"""Test set, review pool and K folds over families that are never cut."""

from __future__ import annotations

from tunewell.split.families import families
from tunewell.split.folds import divide
from tunewell.split.stage import parameters_of, split

__all__ = ["divide", "families", "parameters_of", "split"]
