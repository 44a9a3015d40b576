"""T04: what the model could do before and can no longer: general text and general questions, before and after."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.model.chat import chat_format
from tunewell.model.passages import Use, passages, questions
from tunewell.train.findings import clustered_mean
from tunewell.train.rows import Row
from tunewell.types import Estimate, Finding, Message, Threshold

LIMIT = 0.05
"""T04: largest relative rise of the loss on general text."""

POWER_Z = 1.959964 + 0.841621
"""Standard errors that a difference must have to be seen with 80 % power at 5 % (Miller 2024)."""


def general_rows(tokenizer: Any) -> tuple[Row, ...]:
    """The fixed general set: passages (loss on all but the first token) and questions with short answers."""
    return coded_rows(tokenizer, "general")


def coded_rows(tokenizer: Any, use: Use, *, prefix: str = "") -> tuple[Row, ...]:
    """General passages and questions as rows."""
    chat = chat_format(tokenizer)
    rows = []
    for i, passage in enumerate(passages(use)):
        ids = tokenizer(passage, add_special_tokens=False)["input_ids"]
        rows.append(Row(id=f"{prefix}text-{i}", ids=np.asarray(ids, np.int32), start=1))
    for i, (question, answer) in enumerate(questions(use)):
        coded = chat.encode([Message(role="user", content=question)], answer)
        rows.append(Row(id=f"{prefix}question-{i}", ids=np.asarray(coded.ids, np.int32), start=coded.target_start))
    return tuple(rows)


def general_losses(network: Any, rows: Sequence[Row], recipe: Any, cut: int, values: Any) -> NDArray[np.float64]:
    """Mean nats per token of every general row, without and with an adapter: shape (2, rows)."""
    from tunewell.train.loop import Job

    everything = np.ones((1, len(rows)), np.bool_)
    job = Job(network, rows, recipe=recipe, cut=0 if cut == 0 else cut, train=~everything, measure=everything,
              trunk=Live(network, rows, cut) if cut else None)  # fmt: skip
    before = job.evaluate(everything)[0]
    job.bank.values.copy_(values)
    return np.stack([before, job.evaluate(everything)[0]]).astype(np.float64)


class Live:
    """States at a cut computed when asked for: too few rows to be worth a cache."""

    def __init__(self, network: Any, rows: Sequence[Row], cut: int) -> None:
        self._network, self._rows, self._cut = network, rows, cut

    def take(self, places: NDArray[np.int64], length: int) -> Any:
        """See `tunewell.train.loop.States`."""
        import torch

        ids = np.zeros((places.size, length), np.int64)
        for i, r in enumerate(places.ravel().tolist()):
            if r >= 0:
                ids[i, : len(self._rows[r].ids)] = self._rows[r].ids
        with torch.no_grad():
            hidden = self._network.embed(torch.from_numpy(ids).to(self._network.head.device))[None]
            hidden = self._network.run(hidden, first=0, last=self._cut)
        return hidden.view(*places.shape, length, -1)


def forgetting(losses: NDArray[np.float64], rows: Sequence[Row], *, limit: float = LIMIT) -> Finding:
    """T04 from losses before and after.

    Args:
        losses: From `general_losses`.
        rows: From `general_rows`.
        limit: Largest relative rise.
    """
    tokens = np.asarray([r.targets for r in rows], np.float64)
    text = np.asarray([r.id.startswith("text") for r in rows])
    change = relative_change(losses[:, text], tokens[text])
    questions = relative_change(losses[:, ~text], tokens[~text])
    status = "found" if change.low > limit else "clear" if change.high <= limit else "unchecked"
    se = (change.high - change.low) / 2 / 1.959964 if math.isfinite(change.high) else math.inf
    why = (
        f"Loss on general text changed by {100 * change.value:+.1f} % [{100 * change.low:+.1f}, "
        f"{100 * change.high:+.1f}] ({change.n} passages; {100 * POWER_Z * se:.1f} % would have been seen), "
        f"on general questions by {100 * questions.value:+.1f} % [{100 * questions.low:+.1f}, "
        f"{100 * questions.high:+.1f}]."
    )
    return Finding(
        code="T04",
        status=status,
        stage="train",
        why=why,
        estimate=change,
        threshold=Threshold(value=limit, origin="built-in"),
        remedy=""
        if status == "clear"
        else "mix in general rows: train.replay: 0.05; or lower train.rate or train.rank",
    )


def relative_change(losses: NDArray[np.float64], tokens: NDArray[np.float64]) -> Estimate:
    """Change of the mean loss as a share of the loss before, paired by row."""
    names = [str(i) for i in range(len(tokens))]
    before = float((losses[0] * tokens).sum() / tokens.sum())
    moved = clustered_mean(losses[1] - losses[0], tokens, names)
    return Estimate(value=moved.value / before, low=moved.low / before, high=moved.high / before, n=moved.n,
                    method="paired t over passages", unit="share of the loss before")  # fmt: skip
