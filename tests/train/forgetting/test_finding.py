"""The interval of the change, and what is found by it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tunewell.train.forgetting.finding import forgetting, relative_change
from tunewell.train.forgetting.general_rows import general_rows
from tunewell.train.lora.rows import TrainRow


def population(rng: np.random.Generator, size: int) -> tuple[Any, Any, Any]:
    """Passages of twelve kinds whose losses rise by different shares; a few rise very much."""
    kinds = np.repeat(np.arange(12), size // 12)
    tokens = rng.integers(15, 60, size).astype(float)
    before = np.clip(rng.normal(3 + 0.15 * kinds, 0.5), 0.5, None)
    rise = rng.normal(0.01 * (kinds - 3), 0.02 + 0.005 * kinds) + rng.exponential(0.03, size)
    return (
        kinds,
        tokens,
        np.stack([before, before * (1 + rise + rng.normal(0, 0.9, size) / np.sqrt(tokens))]),
    )


@pytest.mark.parametrize("each", [3, 12])
def test_the_interval_keeps_its_promise_on_sampled_passages(each: int) -> None:
    rng = np.random.default_rng(5)
    kinds, tokens, losses = population(rng, 1200)
    truth = (losses[1] * tokens).sum() / (losses[0] * tokens).sum() - 1
    held = power = 0
    for _ in range(400):
        taken = np.concatenate([rng.choice(np.flatnonzero(kinds == k), each) for k in range(12)])
        change = relative_change(losses[:, taken], tokens[taken], [str(k) for k in kinds[taken]])
        held += change.estimate.low <= truth <= change.estimate.high
        power += (
            change.estimate.low > truth - change.detectable
        )  # a true change of that size, against none
    assert 0.925 <= held / 400 <= 0.98
    assert 0.73 <= power / 400 <= 0.87


def test_kinds_that_differ_do_not_widen_the_interval() -> None:
    rng = np.random.default_rng(6)
    kinds, tokens, losses = population(rng, 240)
    strata = relative_change(losses, tokens, [str(k) for k in kinds])
    one = relative_change(losses, tokens, ["all"] * 240)
    assert strata.estimate.value == one.estimate.value
    assert strata.detectable < one.detectable


def test_one_passage_of_a_kind_gives_no_interval() -> None:
    change = relative_change(np.ones((2, 3)), np.ones(3), ["a", "a", "b"])
    assert math.isinf(change.detectable)
    assert change.seen == "no change would have been detected"


def rows_of(tokenizer: Any) -> tuple[TrainRow, ...]:
    return general_rows(tokenizer, work=0.0)


def test_questions_that_are_forgotten_are_found_though_text_is_not(tokenizer: Any) -> None:
    rows = rows_of(tokenizer)
    text = np.asarray([r.id.startswith("text/") for r in rows])
    rng = np.random.default_rng(1)
    before = rng.normal(3, 0.4, len(rows))
    after = before * np.where(text, 1.0, 1.8) + rng.normal(0, 0.02, len(rows))
    finding = forgetting(np.stack([before, after]), rows, work=200_000.0)
    assert finding.status == "found"
    assert finding.estimate is not None
    assert finding.estimate.low > 0.5
    assert "% of the run" in finding.why
    assert "36 passages of 12 kinds" in finding.why


@pytest.mark.parametrize(("rise", "status"), [(0.0, "clear"), (0.3, "found"), (-0.2, "clear")])
def test_forgetting_is_a_rise_on_general_text(rise: float, status: str, tokenizer: Any) -> None:
    rows = general_rows(tokenizer)
    rng = np.random.default_rng(0)
    before = rng.normal(3, 0.4, len(rows))
    losses = np.stack([before, before * (1 + rise) + rng.normal(0, 0.05, len(rows))])
    finding = forgetting(losses, rows)
    assert finding.status == status
    assert "would have been detected" in finding.why
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(rise, abs=0.02)
