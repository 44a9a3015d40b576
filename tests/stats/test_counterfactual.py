from __future__ import annotations

import numpy as np
import pytest

from tunewell.stats import Counterfactual


def _series(seed: int, memory: float, effect: float, days: int = 112) -> tuple[np.ndarray, ...]:
    """Counted shares of some contacts a day whose true rate has a memory; the release is day 84."""
    rng = np.random.default_rng(seed)
    luck = np.zeros(days)
    luck[0] = rng.normal()
    for t in range(1, days):
        luck[t] = memory * luck[t - 1] + np.sqrt(1 - memory**2) * rng.normal()
    contacts = rng.poisson(60, days) + 1
    rate = np.clip(0.1 * np.exp(0.2 * luck) + effect * (np.arange(days) >= 84), 0, 1)
    share = rng.binomial(contacts, rate) / contacts
    return 100 * share, 1e4 * 0.09 / contacts


@pytest.mark.parametrize("memory", [0.0, 0.7])
def test_intervals_cover_with_and_without_memory(memory: float) -> None:
    covered = 0
    for seed in range(24):
        values, noise = _series(seed, memory, 0.03)
        found = Counterfactual(values, noise, start=84, season=7).effect()
        covered += found.low <= 3 <= found.high
    # At 94 % or more 20 of 24 are missed once in a thousand tries.
    assert covered >= 20


def test_a_large_effect_is_told_and_a_small_one_takes_longer() -> None:
    values, noise = _series(1, 0.3, 0.15)
    kpi = Counterfactual(values, noise, start=84, season=7)
    assert kpi.effect().low > 5
    soon = kpi.times_until_told(6.0)
    later = kpi.times_until_told(2.5)
    assert soon is not None
    assert later is None or later > soon


def test_a_control_takes_out_what_moves_both() -> None:
    rng = np.random.default_rng(0)
    market = rng.normal(size=112).cumsum()
    values = 20 + market + rng.normal(size=112) * 0.5
    noise = np.full(112, 0.25)
    alone = Counterfactual(values, noise, start=84).effect()
    beside = Counterfactual(values, noise, start=84, controls=market).effect()
    assert beside.high - beside.low < 0.6 * (alone.high - alone.low)
    assert beside.low < 0 < beside.high


def test_too_few_times_are_refused() -> None:
    with pytest.raises(ValueError, match="must leave 8 times on both sides of 20"):
        Counterfactual(np.arange(20.0), np.ones(20), start=15).effect()
    with pytest.raises(ValueError, match="20 variances above 0"):
        Counterfactual(np.arange(20.0), np.zeros(20), start=10).effect()
