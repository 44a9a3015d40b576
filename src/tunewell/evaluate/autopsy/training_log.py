"""What a trainer logged: overfitting (T01), and learning by heart (T02).

Reads Hugging Face's ``trainer_state.json``, of the folder, else of its last checkpoint.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tunewell.errors import UserError
from tunewell.evaluate.autopsy.output_folder import STAGE, newest, unchecked
from tunewell.evaluate.wording import counted
from tunewell.stats import gap_to_training, rise_since_lowest
from tunewell.types import Estimate, Finding, Threshold, Value

STATE: Final = "trainer_state.json"
LEVEL: Final = 0.95
RECENT: Final = 10
"""One in so many of the logged training losses, from the end, stand for the last one."""
TOO_WIDE: Final = 0.5
"""T02: share of the held-out loss by which the training loss may lie below it."""


class History(Value):
    """What a trainer logged.

    Attributes:
        file: Where it was read.
        train: (epoch, loss) in order.
        held_out: (epoch, evaluation loss) in order.
        best: Checkpoint that the trainer called the best; empty if it did not say.
    """

    file: str
    train: tuple[tuple[float, float], ...] = ()
    held_out: tuple[tuple[float, float], ...] = ()
    best: str = ""


def read_history(folder: Path) -> History | None:
    """The log of a trainer in a folder, or of its last checkpoint; None if there is none.

    Raises:
        UserError: There is one that cannot be read.
    """
    path = newest(folder, STATE)
    if path is None:
        return None
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        log = state.get("log_history") or []
        train = tuple(_pairs(log, "loss"))
        held_out = tuple(_pairs(log, "eval_loss"))
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UserError(
            f"{path} cannot be read: {error}", hint="it should be the trainer's own JSON"
        ) from error
    return History(
        file=str(path.relative_to(folder)),
        train=train,
        held_out=held_out,
        best=str(state.get("best_model_checkpoint") or ""),
    )


def _pairs(log: Sequence[Mapping[str, Any]], key: str) -> Iterator[tuple[float, float]]:
    for entry in log:
        value = entry.get(key)
        if isinstance(value, int | float) and math.isfinite(value):
            yield float(entry.get("epoch") or 0.0), float(value)


def stopped(history: History | None) -> Finding:
    """T01: nothing logged, stopped too late, or worse only within its own noise."""
    if history is None:
        return unchecked("T01", "There is no trainer_state.json: what the trainer saw is unknown.")
    if not history.held_out:
        return _never_evaluated(history)

    epoch_of_best, lowest = min(history.held_out, key=lambda point: point[1])
    losses = [loss for _, loss in history.held_out]
    where = f"lowest {lowest:.4g} at epoch {epoch_of_best:.3g}, last {losses[-1]:.4g}"
    if lowest not in losses[:-1]:
        why = f"The evaluation loss was still falling when it stopped ({where})."
        return Finding(
            code="T01",
            status="clear",
            stage=STAGE,
            why=why,
        )

    rise = rise_since_lowest(losses, level=LEVEL)
    if rise is None:
        why = f"{len(losses)} evaluations are too few to tell a rise from noise ({where})."
        return unchecked("T01", why)
    kept = " The trainer named a best checkpoint: use that one." if history.best else ""
    if rise.low > 0:
        return _risen(rise, f"It stopped too late: {where}, rise {rise}.{kept}", epoch_of_best)
    return Finding(
        code="T01",
        status="clear",
        stage=STAGE,
        why=f"It got worse only within its own noise: {where}, rise {rise}.{kept}",
        estimate=rise,
        threshold=Threshold(value=0.0, origin="built-in"),
    )


def _never_evaluated(history: History) -> Finding:
    losses = counted(len(history.train), "training loss", "training losses")
    return Finding(
        code="T01",
        status="found",
        stage=STAGE,
        why=f"{history.file} logs {losses} and no evaluation: nobody knows whether it overfits.",
        remedy="train again with an evaluation set (eval_strategy), or: tunewell run",
        blocking=True,
    )


def _risen(rise: Estimate, why: str, epoch: float) -> Finding:
    return Finding(
        code="T01",
        status="found",
        stage=STAGE,
        why=why,
        estimate=rise,
        threshold=Threshold(value=0.0, origin="built-in"),
        remedy=f"take the checkpoint of epoch {epoch:.3g}, or train again for so long",
    )


def memorised(history: History | None) -> Finding:
    """T02: the training loss against the evaluation loss at the end.

    A hint, since rows are not seen.
    """
    if history is None or not history.held_out or not history.train:
        return unchecked("T02", "Training and evaluation losses were not both logged.")

    count = max(1, len(history.train) // RECENT)
    recent = [loss for _, loss in history.train[-count:]]
    held_out = history.held_out[-1][1]
    gap = gap_to_training(held_out, recent, level=LEVEL)
    limit = TOO_WIDE * held_out
    trained = held_out - gap.value
    compared = f"Training loss {trained:.3g} against {held_out:.3g} held out"
    threshold = Threshold(value=limit, origin="built-in: half of the held-out loss")
    if gap.low > limit:
        return Finding(
            code="T02",
            status="found",
            stage=STAGE,
            why=f"{compared}: most of what it knows of its rows, it knows by heart.",
            estimate=gap,
            threshold=threshold,
            remedy="fewer epochs, or drop repeated rows: tunewell doctor",
        )
    return Finding(
        code="T02",
        status="clear",
        stage=STAGE,
        why=f"{compared}: no sign of learning by heart.",
        estimate=gap,
        threshold=threshold,
    )
