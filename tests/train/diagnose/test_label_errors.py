from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.train.diagnose.traces import world
from tunewell.train.diagnose.label_errors import doubt, doubt_of_neighbours, label_errors


def area(score: Any, bad: Any) -> float:
    return float((score[bad][:, None] > score[~bad][None]).mean())


def test_wrong_targets_come_first_where_rows_differ_in_difficulty() -> None:
    trace, vectors, bad = world()
    score = doubt_of_neighbours(trace, 1, vectors=vectors)
    assert area(score, bad) > 0.95
    raw = np.nanmean(np.where(trace.held_out, trace.losses[1], np.nan), 0)
    assert area(raw, bad) < 0.88  # without neighbours, hard rows crowd out wrong ones


def test_a_target_that_its_input_does_not_explain_comes_first() -> None:
    """Rare targets have a high loss with their input and a higher one without.

    Wrong ones have as high a loss.
    """
    trace, _, bad = world()
    held = np.nanmean(np.where(trace.held_out, trace.losses[1], np.nan), 0)
    rng = np.random.default_rng(1)
    prior = np.where(bad, held * rng.uniform(0.9, 1.1, 300), held * rng.uniform(1.3, 2.0, 300))
    assert area(doubt(trace, 1, prior=prior), bad) > 0.98
    assert area(held, bad) < 0.88
    finding = label_errors(trace, 1, prior=prior)
    assert finding.status == "found"
    assert "than with none, or with another row's" in finding.why
    assert np.mean(bad[[int(r[1:]) for r in finding.rows]]) > 0.9
    with pytest.raises(ValueError, match="prior"):
        label_errors(trace, 1)


def test_doubtful_rows_are_named_the_worst_first() -> None:
    trace, vectors, bad = world(wrong=0.05)
    finding = label_errors(trace, 1, vectors=vectors)
    named = [int(r[1:]) for r in finding.rows]
    assert finding.status == "found"
    assert np.mean(bad[named]) > 0.7
    clean = label_errors(*world(wrong=0.0)[:1], 1, vectors=world(wrong=0.0)[1])
    assert len(clean.rows) <= 3
