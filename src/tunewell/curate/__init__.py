"""From raw files to a dataset in which every input row can be accounted for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunewell.curate.pipeline import (
        curate,
        inputs_of,
        parameters_of,
    )

__all__ = ["curate", "inputs_of", "parameters_of"]


def __getattr__(name: str) -> Any:
    """The pipeline is imported when it is needed: a plan needs the names of the files alone."""
    if name in __all__:
        return getattr(import_module("tunewell.curate.pipeline"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
