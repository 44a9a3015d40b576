from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tunewell.types import Example, Message, Recipe


def test_another_input_never_has_the_same_target() -> None:
    from tunewell.train.diagnose.target_prior import other_rows

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
    from tunewell.train.diagnose.target_prior import Prior, other_rows, prior_losses
    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.rows import encode_rows

    rows = examples(8)
    held = np.arange(8)[None] % 2 == np.arange(2)[:, None]
    adapted = Adapted.begin(network, recipe, cut=2, adapters=(0, 1))
    adapted.bank.values.normal_(0, 0.05)
    found = prior_losses(adapted, rows, held, tokenizer=tokenizer)
    kept = Prior(adapted, rows, held, tokenizer=tokenizer, folder=tmp_path)
    np.testing.assert_allclose(kept.parts().mean(0), found, rtol=1e-5)
    other = other_rows([e.target for e in rows], seed=recipe.seed)
    by_hand = np.zeros(8)
    for inputs in ([""] * 8, [rows[o].input for o in other]):
        made = [
            e.model_copy(update={"messages": (Message(role="user", content=text), e.messages[-1])})
            for e, text in zip(rows, inputs, strict=True)
        ]
        coded = encode_rows(made, tokenizer, max_tokens=300).rows
        losses = adapted.measure(coded, which=held)
        by_hand += np.nansum(np.where(held, losses, 0), 0) / 2
    np.testing.assert_allclose(found, by_hand, rtol=1e-4)
    adapted.bank.values.mul_(2)
    later = prior_losses(adapted, rows, held, tokenizer=tokenizer)
    np.testing.assert_allclose(kept.parts().mean(0), later, rtol=1e-5)
    assert np.abs(later - found).max() > 1e-3
