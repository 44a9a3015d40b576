"""How probable a target is whatever the input: what makes a loss high although the target is right.

A held-out loss is high where a target is rare or long-winded as much as where it is wrong. What
tells the two apart is how much the row's own input helps: each target is measured once more behind
an empty input and once behind the input of another row, under the adapter that never saw it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tunewell.model.chat import chat_format
from tunewell.train.arrays import Floats, Ints, Mask
from tunewell.train.lora.rows import TrainRow
from tunewell.types import Example, Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.states import StatesAtCut

OTHER_DRAW = 11
"""Part of the key of the draw of other rows, so that no other draw is the same."""


class Prior:
    """The targets behind other inputs, to be measured under the adapters as they are at any time.

    Args:
        adapted: The folds' adapters. The seed of their recipe decides which other input each target
            gets.
        examples: The rows.
        held_out: Which rows each adapter has not seen, shape (adapters, examples).
        tokenizer: The base's.
        folder: Where the states below the cut are kept for measuring again; None = computed anew
            each time.
    """

    def __init__(
        self,
        adapted: Adapted,
        examples: Sequence[Example],
        held_out: Mask,
        *,
        tokenizer: PreTrainedTokenizerBase,
        folder: Path | None = None,
    ) -> None:
        self._adapted = adapted
        self._held_out = held_out
        others = other_rows([e.target for e in examples], seed=adapted.recipe.seed)
        prompts = {
            "empty": [_empty(e) for e in examples],
            "other": [examples[o].prompt for o in others.tolist()],
        }
        chat = chat_format(tokenizer)
        self._variants: list[tuple[list[TrainRow], StatesAtCut | None]] = []
        for kind, chosen in prompts.items():
            rows = []
            for prompt, example in zip(chosen, examples, strict=True):
                rows.append(TrainRow.of(example.id, chat.encode(prompt, example.target)))
            states = None
            if folder and adapted.cut:
                states = _kept_states(folder / f"prior-{kind}", adapted, rows)
            self._variants.append((rows, states))

    def parts(self) -> Floats:
        """Mean loss per token of each target behind an empty input and behind another.

        Each row is measured under the adapters that have not seen it; shape (2, examples).
        """
        where = self._held_out
        count = np.maximum(where.sum(0), 1)
        found = []
        for rows, states in self._variants:
            losses = self._adapted.measure(rows, which=where, states=states)
            total = np.where(where, losses, 0).astype(np.float64).sum(0)
            found.append(total / count)
        return np.stack(found)


def _kept_states(
    path: Path,
    adapted: Adapted,
    rows: Sequence[TrainRow],
) -> StatesAtCut:
    from tunewell.train.lora.trunk import Trunk

    trunk = Trunk(path, adapted.network, rows, cut=adapted.cut)
    trunk.fill()
    return trunk


def prior_losses(
    adapted: Adapted,
    examples: Sequence[Example],
    held_out: Mask,
    *,
    tokenizer: PreTrainedTokenizerBase,
) -> Floats:
    """Mean loss of each target without its input, under the adapters that never saw it.

    Args:
        adapted: As `Prior`.
        examples: As `Prior`.
        held_out: As `Prior`.
        tokenizer: As `Prior`.

    Returns:
        Shape (examples,).
    """
    prior = Prior(adapted, examples, held_out, tokenizer=tokenizer)
    return np.asarray(prior.parts().mean(0))


def other_rows(targets: Sequence[str], *, seed: int) -> Ints:
    """For each row another one, of another target where there is one.

    Example:
        >>> other_rows(["a", "a", "b"], seed=0)[:2].tolist()
        [2, 2]
    """
    n = len(targets)
    order = np.random.default_rng((seed, OTHER_DRAW)).permutation(n).tolist()
    round_and_round = [*order, *order]
    out = np.arange(n)
    for place, row in enumerate(order):
        # The next one in the order that has another target, or none.
        for at in range(place + 1, place + n):
            other = round_and_round[at]
            if targets[other].strip() != targets[row].strip():
                out[row] = other
                break
    return out


def _empty(example: Example) -> tuple[Message, ...]:
    """The prompt with nothing in the user's turns."""
    turns = []
    for message in example.prompt:
        if message.role == "user":
            message = message.model_copy(update={"content": ""})
        turns.append(message)
    return tuple(turns)
