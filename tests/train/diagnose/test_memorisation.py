from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.train.diagnose.traces import world
from tunewell.train.diagnose.memorisation import membership, memorisation, regurgitation
from tunewell.types import FoldTrace


def made_runs(trace: FoldTrace, *, inside: float, outside: float, seed: int = 0) -> Any:
    """Longest runs of rows of 40 target tokens.

    A share of the rows is continued for 30 tokens, the others for 5.
    """
    rng = np.random.default_rng(seed)
    known = np.isfinite(trace.losses[-1])
    likely = np.where(trace.held_out, outside, inside)
    return np.where(known, np.where(rng.random(known.shape) < likely, 30.0, 5.0), np.nan).astype(
        np.float32
    )


def test_rows_said_by_heart_are_memorised_even_if_their_loss_gives_nothing_away() -> None:
    trace = replace(world()[0], tokens=np.full(300, 40))
    told = regurgitation(made_runs(trace, inside=0.4, outside=0.1), trace, families={})
    assert told is not None
    assert told.inside.low < 0.4 < told.inside.high
    assert told.more.low > 0.05
    assert told.longest == 30
    finding = memorisation(
        trace, 1, families={}, scope="x", runs=made_runs(trace, inside=0.4, outside=0.1)
    )
    assert finding.status == "found"
    assert "continued word for word" in finding.why


def test_boilerplate_that_any_model_would_write_is_not_memorised() -> None:
    trace = replace(world()[0], tokens=np.full(300, 40))
    finding = memorisation(
        trace, 1, families={}, scope="x", runs=made_runs(trace, inside=0.5, outside=0.5)
    )
    assert finding.status == "clear"


def test_targets_too_short_to_be_said_by_heart_do_not_count() -> None:
    trace, _, _ = world()  # 8 target tokens
    assert regurgitation(made_runs(trace, inside=1.0, outside=0.0), trace, families={}) is None


@pytest.mark.parametrize(("memorised", "status"), [(0.0, "clear"), (1.5, "found")])
def test_memorisation_is_what_gives_a_row_away(memorised: float, status: str) -> None:
    trace, _, _ = world(memorised=memorised)
    finding = memorisation(trace, 1, families={}, scope="over all folds")
    assert finding.status == status
    assert status == "found" or not finding.rows


def test_the_interval_of_the_membership_test_covers_the_truth() -> None:
    """Without memorisation the truth is one half."""
    hits = 0
    for seed in range(300):
        estimate = membership(world(rows=60, seed=seed)[0], 1, families={})
        hits += estimate.low <= 0.5 <= estimate.high
    assert 0.92 <= hits / 300 <= 0.995
