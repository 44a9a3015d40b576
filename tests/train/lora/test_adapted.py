"""Rows measured with a base and its adapters, without any training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tunewell.train.lora.rows import TrainRow, encode_rows
from tunewell.types import Example, Recipe

pytest.importorskip("torch")


@pytest.fixture
def rows(examples: Callable[..., list[Example]], tokenizer: Any) -> tuple[TrainRow, ...]:
    return encode_rows(examples(14), tokenizer, max_tokens=200).rows


@pytest.mark.parametrize("cut", [0, 2])
def test_every_pair_is_measured_and_only_those_that_are_wanted(
    network: Any, rows: Any, recipe: Recipe, cut: int
) -> None:
    from tunewell.train.lora.adapted import Adapted

    adapted = Adapted.begin(network, recipe, cut=cut, adapters=(0, 1))
    base = adapted.measure(rows)
    np.testing.assert_allclose(base[0], base[1], atol=1e-5)  # nothing is trained yet
    adapted.bank.values[1].add_(0.05)
    every = adapted.measure(rows)
    assert np.abs(every[1] - base[1]).min() > 1e-3
    which = np.arange(len(rows))[None] % 2 == np.arange(2)[:, None]
    some = adapted.measure(rows, which=which, budget=60)  # in other batches
    assert (np.isfinite(some) == which).all()
    np.testing.assert_allclose(some[which], every[which], rtol=1e-4)


def test_untrained_it_is_the_base_whatever_was_trained(
    network: Any, rows: Any, recipe: Recipe
) -> None:
    from tunewell.train.lora.adapted import Adapted

    adapted = Adapted.begin(network, recipe, cut=2, adapters=(0, 1, 2))
    base = adapted.measure(rows)
    which = np.arange(len(rows))[None] % 3 != np.arange(3)[:, None]
    once = adapted.measure_untrained(rows, which=which)
    np.testing.assert_allclose(once[which], base[which], rtol=1e-4)
    adapted.bank.values.add_(0.1)
    np.testing.assert_allclose(adapted.untrained().measure(rows), base, rtol=1e-5)
