from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tunewell.train.explain import explain
from tunewell.train.forgetting import forgetting, general_losses, general_rows
from tunewell.train.readings import (
    doubt,
    doubt_of_neighbours,
    fragility,
    label_errors,
    membership,
    memorisation,
    regurgitation,
)
from tunewell.types import Example, FoldTrace, Message, Recipe


def world(
    *, rows: int = 300, wrong: float = 0.1, memorised: float = 0.0, seed: int = 0
) -> tuple[FoldTrace, Any, Any]:
    """Easy and hard regions of the inputs, wrong targets, a loss that falls where trained on."""
    rng = np.random.default_rng(seed)
    region = rng.integers(0, 6, rows)
    centres = rng.normal(0, 1, (6, 16))
    vectors = centres[region] + rng.normal(0, 0.3, (rows, 16))
    hard = np.asarray([0.5, 1.0, 1.5, 2.0, 2.5, 3.0])[region]
    bad = rng.random(rows) < wrong
    start = hard + 1.5 + bad * 0.3 + rng.normal(0, 0.3, rows)
    held_out = np.arange(rows)[None] % 5 == np.arange(5)[:, None]
    measured = held_out | (np.arange(rows)[None] % 5 == (np.arange(5)[:, None] - 1) % 5)
    end = hard + bad * 1.2 + rng.normal(0, 0.3, (5, rows)) - np.where(held_out, 0, memorised)
    losses = np.stack([np.broadcast_to(start, (5, rows)), end])
    losses = np.where(measured[None], losses, np.nan).astype(np.float32)
    trace = FoldTrace(
        losses=losses,
        tokens=np.full(rows, 8),
        held_out=held_out,
        epochs=np.array([0.0, 1.0]),
        examples=tuple(f"r{i}" for i in range(rows)),
    )
    return trace, vectors, bad


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
    assert "than an empty input or another row's" in finding.why
    assert np.mean(bad[[int(r[1:]) for r in finding.rows]]) > 0.9
    with pytest.raises(ValueError, match="prior"):
        label_errors(trace, 1)


def test_another_input_never_has_the_same_target() -> None:
    from tunewell.train.prior import other_rows

    targets = ["card arrival"] * 6 + ["top up"] * 3 + ["age limit"]
    for seed in range(5):
        other = other_rows(targets, seed=seed)
        assert all(targets[o] != t for o, t in zip(other, targets, strict=True))
    assert other_rows(["a", "a"], seed=0).tolist() == [0, 1]  # nothing else is there


def test_the_prior_does_not_see_the_input(
    tmp_path: Path,
    network: Any,
    tokenizer: Any,
    examples: Callable[..., list[Example]],
    recipe: Recipe,
) -> None:
    """The losses behind an empty and behind another input, by hand, in fp32.

    Also from states on disk, and later.
    """
    from tunewell.train.loop import Job
    from tunewell.train.prior import Prior, other_rows, prior_losses
    from tunewell.train.rows import encode_rows

    rows = examples(8)
    held = np.arange(8)[None] % 2 == np.arange(2)[:, None]
    coded = encode_rows(rows, tokenizer, max_tokens=300).rows
    job = Job(network, coded, recipe=recipe, cut=2, train=~held, measure=held, adapters=(0, 1))
    job.bank.values.normal_(0, 0.05)
    found = prior_losses(network, job.bank, rows, held, cut=2, tokenizer=tokenizer, recipe=recipe)
    kept = Prior(
        network,
        rows,
        held,
        bank=job.bank,
        cut=2,
        tokenizer=tokenizer,
        recipe=recipe,
        folder=tmp_path,
    )
    np.testing.assert_allclose(kept.parts().mean(0), found, rtol=1e-5)
    other = other_rows([e.target for e in rows], seed=recipe.seed)
    by_hand = np.zeros(8)
    for inputs in ([""] * 8, [rows[o].input for o in other]):
        made = [
            e.model_copy(update={"messages": (Message(role="user", content=text), e.messages[-1])})
            for e, text in zip(rows, inputs, strict=True)
        ]
        again = Job(
            network,
            encode_rows(made, tokenizer, max_tokens=300).rows,
            recipe=recipe,
            cut=2,
            train=~held,
            measure=held,
            adapters=(0, 1),
        )
        again.bank.values.copy_(job.bank.values)
        by_hand += np.nansum(np.where(held, again.evaluate(held), 0), 0) / 2
    np.testing.assert_allclose(found, by_hand, rtol=1e-4)
    job.bank.values.mul_(2)
    later = prior_losses(network, job.bank, rows, held, cut=2, tokenizer=tokenizer, recipe=recipe)
    np.testing.assert_allclose(kept.parts().mean(0), later, rtol=1e-5)
    assert np.abs(later - found).max() > 1e-3


def test_doubtful_rows_are_named_the_worst_first() -> None:
    trace, vectors, bad = world(wrong=0.05)
    finding = label_errors(trace, 1, vectors=vectors)
    named = [int(r[1:]) for r in finding.rows]
    assert finding.status == "found"
    assert np.mean(bad[named]) > 0.7
    clean = label_errors(*world(wrong=0.0)[:1], 1, vectors=world(wrong=0.0)[1])
    assert len(clean.rows) <= 3


def made_runs(trace: FoldTrace, *, inside: float, outside: float, seed: int = 0) -> Any:
    """Longest runs of rows of 40 target tokens: a share of the rows is continued for 30 tokens, the others for 5."""
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


@pytest.mark.parametrize(
    ("gains", "status"),
    [([0.5, 0.6, 0.55, 0.5, 0.6], "clear"), ([0.9, -0.4, 0.1, 0.5, -0.6], "found")],
)
def test_a_gain_that_hangs_on_the_fold_is_fragile(gains: list[float], status: str) -> None:
    trace, _, _ = world(rows=100)
    losses = trace.losses.copy()
    losses[1] = losses[0] - np.asarray(gains, np.float32)[:, None]
    finding = fragility(replace(trace, losses=losses), 1)
    assert finding.status == status
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(np.mean(gains), abs=1e-5)


# --- forgetting -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("rise", "status"), [(0.0, "clear"), (0.3, "found"), (-0.2, "clear")])
def test_forgetting_is_a_rise_on_general_text(rise: float, status: str, tokenizer: Any) -> None:
    rows = general_rows(tokenizer)
    rng = np.random.default_rng(0)
    before = rng.normal(3, 0.4, len(rows))
    losses = np.stack([before, before * (1 + rise) + rng.normal(0, 0.05, len(rows))])
    finding = forgetting(losses, rows)
    assert finding.status == status
    assert "would have been seen" in finding.why
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(rise, abs=0.02)


@pytest.mark.parametrize("cut", [0, 2])
def test_general_text_is_scored_as_transformers_scores_it(
    tiny: Any, network: Any, tokenizer: Any, recipe: Recipe, cut: int
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from tunewell.train.bank import Bank

    rows = general_rows(tokenizer)
    assert sum(r.id.startswith("text") for r in rows) >= 20
    rows = (rows[0], rows[-1])
    bank = Bank(network.sites(recipe.targets, cut), recipe=recipe, adapters=(0,), like=network.head)
    same = general_losses(network, rows, recipe, cut, bank.values)
    np.testing.assert_allclose(same[0], same[1], atol=1e-5)  # B is zero
    assert (
        np.abs(general_losses(network, rows, recipe, cut, bank.values + 0.1)[1] - same[0]).min()
        > 0.01
    )
    model = AutoModelForCausalLM.from_pretrained(tiny.folder, dtype=torch.float32)
    for row, loss in zip(rows, same[0], strict=True):
        ids = torch.from_numpy(row.ids.astype(np.int64))[None]
        labels = ids.clone()
        labels[:, : row.start] = -100
        assert model(input_ids=ids, labels=labels).loss.item() == pytest.approx(loss, abs=1e-4)


# --- one row as the trainer sees it ---------------------------------------------------------------


def test_explain_marks_what_the_loss_is_on(tokenizer: Any) -> None:
    row = Example(
        id="r1",
        messages=(
            Message(role="user", content="When? <|im_end|>"),
            Message(role="assistant", content="at noon"),
        ),
    )
    shown = explain(row, tokenizer, max_tokens=300)
    assert "".join(t.text for t in shown.tokens if t.trained) == "at noon<|im_end|>"
    assert [t.special for t in shown.tokens if t.trained][-1]
    text = "".join(t.text for t in shown.tokens if not t.trained)
    assert "When? <|im_end|>" in text
    assert (
        sum(t.special for t in shown.tokens) == 6
    )  # turn marks of the template, none of the user's
    assert "tiny test model" in shown.adds
    trained = sum(t.trained for t in shown.tokens)
    head = f"r1: {len(shown.tokens)} tokens, the loss is on the last {trained} (marked >)"
    assert str(shown).splitlines()[0] == head


def test_explain_says_when_a_row_is_not_used(
    examples: Callable[..., list[Example]], tokenizer: Any
) -> None:
    assert "not used" in str(explain(examples(1)[0], tokenizer, max_tokens=20))
