from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from tunewell.stats import JudgedArm, corrected_difference, corrected_rate, difference, proportion
from tunewell.types import Estimate

Floats = NDArray[np.float64]
REDRAWS = 150


def saved(method: str) -> float | None:
    match = re.search(r"saves (\d+)%", method)
    return float(match[1]) / 100 if match else None


def judged(rng: np.random.Generator, truth: Floats, right: float) -> Floats:
    """A judge that is right so often; at one half it does not look."""
    if right == 0.5:
        return (rng.random(truth.size) < 0.7).astype(float)
    return np.where(rng.random(truth.size) < right, truth, 1 - truth)


def width(e: Estimate) -> float:
    return e.high - e.low


def holds(corrected: Estimate, alone: Estimate) -> None:
    """What is said to be saved is what the widths show, and is not said where nothing is."""
    shown = 1 - (width(corrected) / width(alone)) ** 2
    told = saved(corrected.method)
    if shown < 0.01:
        assert told is None
    else:
        assert told is not None
        assert told <= shown < told + 0.01 + 1e-9


@pytest.mark.parametrize("right", [0.5, 0.7, 0.8, 0.95])
@pytest.mark.parametrize("labels", [30, 50, 100])
def test_a_difference_is_never_wider_and_covers(labels: int, right: float) -> None:
    rng = np.random.default_rng(labels)
    hits = 0
    for _ in range(REDRAWS):
        a = (rng.random(600) < 0.8).astype(float)
        b = np.where(rng.random(600) < 0.6, a, rng.random(600) < 0.65)
        seen = np.arange(600) < labels
        e = corrected_difference(
            JudgedArm(judged(rng, a, right), np.where(seen, a, np.nan)),
            JudgedArm(judged(rng, b, right), np.where(seen, b, np.nan)),
        )
        alone = difference(a[:labels], b[:labels], paired=True, low=0, high=1)
        assert width(e) <= width(alone) + 1e-12
        holds(e, alone)
        hits += e.low <= 0.06 <= e.high
    assert hits / REDRAWS >= 0.90


@pytest.mark.parametrize("right", [0.5, 0.7, 0.8, 0.95])
@pytest.mark.parametrize("rate", [0.5, 0.8, 0.95])
def test_a_rate_says_what_its_width_shows(rate: float, right: float) -> None:
    rng = np.random.default_rng(1)
    for labels in (30, 50, 150):
        truth = (rng.random(800) < rate).astype(float)
        human = np.where(np.arange(800) < labels, truth, np.nan)
        e = corrected_rate(judge=judged(rng, truth, right), human=human)
        holds(e, proportion(int(truth[:labels].sum()), labels))


def test_clusters_are_held_against_clusters() -> None:
    rng = np.random.default_rng(2)
    documents = np.repeat(np.arange(200), 3)
    a = np.repeat(rng.random(200) < 0.8, 3).astype(float)
    b = np.where(rng.random(600) < 0.7, a, 1 - a)
    seen = np.arange(600) < 90
    e = corrected_difference(
        JudgedArm(a, np.where(seen, a, np.nan)),
        JudgedArm(b, np.where(seen, b, np.nan)),
        clusters=documents.tolist(),
    )
    alone = difference(a[:90], b[:90], paired=True, clusters=documents[:90].tolist(), low=0, high=1)
    assert width(e) <= width(alone) + 1e-12
    holds(e, alone)


def test_a_difference_of_two_samples_does_not_repeat_what_one_arm_saves() -> None:
    rng = np.random.default_rng(3)
    a = (rng.random(400) < 0.8).astype(float)
    human = np.where(np.arange(400) < 60, a, np.nan)
    e = corrected_difference(JudgedArm(a, human), JudgedArm(a, human), paired=False, low=0, high=1)
    assert saved(e.method) is None
