"""How probable a target is whatever the input: what makes a row's loss high although its target is right.

A held-out loss is high where a target is rare or long-winded as much as where it is wrong. What tells the two apart is
how much the row's own input helps: each target is measured once more behind an empty input and once behind the input
of another row, under the adapter that never saw it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.model.chat import ChatFormat, chat_format
from tunewell.train.rows import Row
from tunewell.types import Example, Message


def prior_losses(
    network: Any, bank: Any, examples: Sequence[Example], held_out: NDArray[np.bool_], *, cut: int, tokenizer: Any,
    recipe: Any,
) -> NDArray[np.float64]:  # fmt: skip
    """Mean loss of each target without its input, under the adapters that never saw it, shape (examples,).

    Args:
        network: The frozen base.
        bank: The folds' adapters, as they are.
        examples: The rows.
        held_out: Which rows each adapter has not seen, shape (adapters, examples).
        cut: First layer with adapters.
        tokenizer: The base's.
        recipe: What the adapters were trained with; its seed decides which other input each target gets.
    """
    from tunewell.train.forgetting import Live
    from tunewell.train.loop import Job

    chat = chat_format(tokenizer)
    others = other_rows([e.target for e in examples], seed=recipe.seed)
    sums = np.zeros(len(examples))
    for kind in ("empty", "other"):
        prompts = [_empty(e) if kind == "empty" else examples[o].prompt for e, o in zip(examples, others, strict=True)]
        rows = [_coded(chat, p, e) for p, e in zip(prompts, examples, strict=True)]
        job = Job(network, rows, recipe=recipe, cut=cut, train=~held_out, measure=held_out, adapters=bank.adapters,
                  trunk=Live(network, rows, cut) if cut else None)  # fmt: skip
        job.bank.values.copy_(bank.values)
        sums += np.where(held_out, job.evaluate(held_out), 0).sum(0) / np.maximum(held_out.sum(0), 1)
    return sums / 2


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
    return tuple(m.model_copy(update={"content": ""}) if m.role == "user" else m for m in example.prompt)


def _coded(chat: ChatFormat, prompt: Sequence[Message], example: Example) -> Row:
    coded = chat.encode(prompt, example.target)
    return Row(id=example.id, ids=np.asarray(coded.ids, np.int32), start=coded.target_start)
