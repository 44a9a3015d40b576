"""Fewer simulated quiet years for looks: that budgets are kept is tested with the statistics."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import pytest

from tunewell.stats import steps
from tunewell.stats.inputs import Floats

YEARS = 200


@functools.cache
def _few(null: steps._Null, paths: int) -> Floats:
    return steps._largest_of(null, min(paths, YEARS), np.random.default_rng(17))


@pytest.fixture(autouse=True, scope="package")
def _few_quiet_years() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        # Of its own: years that are remembered are those of all other tests too.
        patch.setattr(steps, "_largest", _few)
        yield
