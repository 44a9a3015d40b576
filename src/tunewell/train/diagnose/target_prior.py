"""How probable a target is whatever the input: what makes a row's loss high although its target is right.

A held-out loss is high where a target is rare or long-winded as much as where it is wrong. What
tells the two apart is how much the row's own input helps: each target is measured once more behind
an empty input and once behind the input of another row, under the adapter that never saw it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.model.chat import ChatFormat, chat_format
from tunewell.train.lora.rows import TrainRow
from tunewell.types import Example, Message


class Prior:
    """The targets behind other inputs, to be measured under the adapters as they are at any time.

    Args:
        network: The frozen base.
        examples: The rows.
        held_out: Which rows each adapter has not seen, shape (adapters, examples).
        bank: The adapters.
        cut: First layer with adapters.
        tokenizer: The base's.
        recipe: What the adapters are trained with; its seed decides which other input each target
            gets.
        folder: Where the states below the cut are kept for measuring again; None = computed anew
            each time.
    """

    def __init__(
        self,
        network: Any,
        examples: Sequence[Example],
        held_out: NDArray[np.bool_],
        *,
        bank: Any,
        cut: int,
        tokenizer: Any,
        recipe: Any,
        folder: Path | None = None,
    ) -> None:
        from tunewell.train.lora.job import Job

        chat = chat_format(tokenizer)
        self._held_out = held_out
        others = other_rows([e.target for e in examples], seed=recipe.seed)
        prompts = {
            "empty": [_empty(e) for e in examples],
            "other": [examples[o].prompt for o in others.tolist()],
        }
        self._jobs = []
        for kind, chosen in prompts.items():
            rows = [_coded(chat, p, e) for p, e in zip(chosen, examples, strict=True)]
            trunk = (
                _states(network, rows, cut, folder and folder / f"prior-{kind}") if cut else None
            )
            job = Job(
                network,
                rows,
                recipe=recipe,
                cut=cut,
                train=~held_out,
                measure=held_out,
                adapters=bank.adapters,
                trunk=trunk,
            )
            job.bank = bank
            self._jobs.append(job)

    def parts(self) -> NDArray[np.float64]:
        """Mean loss per token of each target behind an empty input and behind another, shape (2, examples).

        Each row is measured under the adapter that has not seen it.
        """
        count = np.maximum(self._held_out.sum(0), 1)
        losses = [np.where(self._held_out, job.evaluate(self._held_out), 0) for job in self._jobs]
        return np.stack([x.astype(np.float64).sum(0) / count for x in losses])


def _states(network: Any, rows: Sequence[TrainRow], cut: int, path: Path | None) -> Any:
    from tunewell.train.lora.states import FreshStates
    from tunewell.train.lora.trunk import Trunk

    if path is None:
        return FreshStates(network, rows, cut)
    trunk = Trunk(path, rows, width=network.width, dtype=network.head.dtype)
    trunk.fill(network, rows, cut=cut)
    return trunk


def prior_losses(
    network: Any,
    bank: Any,
    examples: Sequence[Example],
    held_out: NDArray[np.bool_],
    *,
    cut: int,
    tokenizer: Any,
    recipe: Any,
) -> NDArray[np.float64]:
    """Mean loss of each target without its input, under the adapters that never saw it, shape (examples,).

    Args:
        network: The frozen base.
        bank: The folds' adapters, as they are.
        examples: The rows.
        held_out: Which rows each adapter has not seen, shape (adapters, examples).
        cut: First layer with adapters.
        tokenizer: The base's.
        recipe: What the adapters were trained with; its seed decides which other input each target
            gets.
    """
    prior = Prior(
        network, examples, held_out, bank=bank, cut=cut, tokenizer=tokenizer, recipe=recipe
    )
    return np.asarray(prior.parts().mean(0))


def other_rows(targets: Sequence[str], *, seed: int) -> NDArray[np.int64]:
    """For each row another one, of another target where there is one.

    Example:
        >>> other_rows(["a", "a", "b"], seed=0)[:2].tolist()
        [2, 2]
    """
    n = len(targets)
    order = np.random.default_rng((seed, 11)).permutation(n)
    out = np.arange(n)
    for place in range(n):
        row = int(order[place])
        after = (int(order[(place + k) % n]) for k in range(1, n))
        out[row] = next((o for o in after if targets[o].strip() != targets[row].strip()), row)
    return out


def _empty(example: Example) -> tuple[Message, ...]:
    return tuple(
        m.model_copy(update={"content": ""}) if m.role == "user" else m for m in example.prompt
    )


def _coded(chat: ChatFormat, prompt: Sequence[Message], example: Example) -> TrainRow:
    coded = chat.encode(prompt, example.target)
    return TrainRow(id=example.id, ids=np.asarray(coded.ids, np.int32), start=coded.target_start)
