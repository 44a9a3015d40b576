"""The general set, what measuring it costs, and the interval of the change."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tunewell.model.passages import passages, questions
from tunewell.train import forgetting as module
from tunewell.train.forgetting import (
    FEWEST,
    SHARE,
    forgetting,
    general_losses,
    general_rows,
    reading_work,
    relative_change,
)
from tunewell.train.rows import TrainRow
from tunewell.types import Recipe


def words(text: str) -> set[tuple[str, ...]]:
    found = text.lower().split()
    return {tuple(found[i : i + 4]) for i in range(len(found) - 3)}


def test_no_passage_is_close_to_one_that_is_replayed_or_to_another() -> None:
    measured = [words(p.text) for p in passages("measured")]
    replayed = [words(p.text) for p in passages("replay")]
    pairs = itertools.chain(
        itertools.product(measured, replayed), itertools.combinations(measured, 2)
    )
    assert max(len(a & b) / max(1, min(len(a), len(b))) for a, b in pairs) < 0.15
    asked, others = ({q for pair in questions(use) for q in pair} for use in ("measured", "replay"))
    assert not asked & others


def test_every_prefix_holds_the_kinds_in_equal_numbers() -> None:
    kinds = [p.kind for p in passages("measured")]
    every = set(kinds)
    assert len(every) == 12
    for n in range(1, len(kinds) + 1):
        count = Counter(kinds[:n])
        assert max(count.values()) - min(count[k] for k in every) <= 1
    assert len(kinds) % 12 == 0


@pytest.mark.parametrize("work", [0.0, 20_000.0, 90_000.0, 300_000.0, math.inf])
def test_the_set_is_the_largest_that_takes_its_share(work: float, tokenizer: Any) -> None:
    rows, every = general_rows(tokenizer, work=work), general_rows(tokenizer)
    texts = [r for r in rows if r.id.startswith("text/")]
    assert [r.id for r in texts] == [r.id for r in every if r.id.startswith("text/")][: len(texts)]
    assert len(texts) % 12 == 0
    assert len(texts) >= FEWEST
    assert len(rows) - len(texts) >= 16
    if len(texts) > FEWEST:
        assert reading_work(rows) <= SHARE * work
    rest = [r for r in every if r.id not in {row.id for row in rows}]
    if rest:
        more = [
            *[r for r in rest if r.id.startswith("text/")][:12],
            *[r for r in rest if "question" in r.id][:2],
        ]
        assert reading_work([*rows, *more]) > SHARE * work


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
    assert change.seen == "no change would have been seen"


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
    assert "% of the run's work" in finding.why
    assert "36 passages of 12 kinds" in finding.why


def test_the_losses_of_a_base_are_measured_once(
    network: Any, tokenizer: Any, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tunewell.train.bank import Bank
    from tunewell.train.loop import Job

    monkeypatch.setattr(module, "cache_folder", lambda: tmp_path)
    seen: list[int] = []
    evaluate = Job.evaluate

    def counted(self: Any, which: Any) -> Any:
        seen.append(int(which.sum()))
        return evaluate(self, which)

    monkeypatch.setattr(Job, "evaluate", counted)
    rows = rows_of(tokenizer)
    values = Bank(
        network.sites(recipe.targets, 0), recipe=recipe, adapters=(0,), like=network.head
    ).values

    def measured(weights: str) -> Any:
        seen.clear()
        return general_losses(network, rows, recipe, 0, values + 0.1, weights=weights), sum(seen)

    first, cost = measured("a")
    again, less = measured("a")
    assert (cost, less) == (2 * len(rows), len(rows))
    assert np.array_equal(first, again)
    assert measured("b")[1] == 2 * len(rows)  # another base
    assert measured("")[1] == 2 * len(rows)  # nothing is kept of a base without a digest
    for path in (tmp_path / "general").iterdir():
        path.write_bytes(path.read_bytes()[:-9])
    mended, cost = measured("a")
    assert cost == 2 * len(rows)
    assert np.array_equal(mended, first)
    assert measured("a")[1] == len(rows)
