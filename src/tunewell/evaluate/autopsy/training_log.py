"""What a trainer logged: overfitting (T01), and learning by heart (T02).

Reads Hugging Face's ``trainer_state.json``, of the folder, else of its last checkpoint.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tunewell.errors import UserError
from tunewell.evaluate.autopsy.output_folder import STAGE, newest, unchecked
from tunewell.json_text import parse_json
from tunewell.plurals import plural
from tunewell.stats import gap_to_training, rise_since_lowest
from tunewell.types import Estimate, Finding, Threshold, Value

STATE: Final = "trainer_state.json"
LEVEL: Final = 0.95
RECENT: Final = 10
"""One in so many of the logged training losses, from the end, stand for the last one."""
FEW_LOST: Final = 0.1
"""Share of the steps that may log no gradient."""
FEWEST_LOGGED: Final = 3
"""Of fewer equal values nothing can be said."""
TOO_WIDE: Final = 0.5
"""T02: share of the held-out loss by which the training loss may lie below it."""


class History(Value):
    """What a trainer logged.

    Attributes:
        file: Where it was read.
        train: (epoch, loss) in order; only finite ones.
        held_out: (epoch, evaluation loss) in order; only finite ones.
        sets: The same of further evaluation sets, by name (``eval_law_loss``: ``law``).
        best: Checkpoint that the trainer called the best; empty if it did not say.
        lost: How many losses, gradients and evaluation losses are NaN or infinite.
        gradients: Every finite norm of the gradients, in order.
        resumed: Whether it was stopped and went on: of steps that stand twice, the last counts.
    """

    file: str
    train: tuple[tuple[float, float], ...] = ()
    held_out: tuple[tuple[float, float], ...] = ()
    sets: Mapping[str, tuple[tuple[float, float], ...]] = {}
    best: str = ""
    lost: Mapping[str, int] = {}
    gradients: tuple[float, ...] = ()
    resumed: bool = False

    @property
    def evaluations(self) -> dict[str, tuple[tuple[float, float], ...]]:
        """Every evaluation set with its losses; the one without a name first."""
        unnamed = {"": self.held_out} if self.held_out else {}
        return {**unnamed, **self.sets}


def read_history(folder: Path) -> History | None:
    """The log of a trainer in a folder, or of its last checkpoint; None if there is none.

    Raises:
        UserError: There is one that cannot be read.
    """
    path = newest(folder, STATE)
    if path is None:
        return None
    try:
        state = parse_json(path.read_text(encoding="utf-8"))
        log = state.get("log_history") or []
        entries, resumed = _in_order(log)
        sets = {name: tuple(_pairs(entries, key)) for name, key in _named_sets(entries)}
        return History(
            file=str(path.relative_to(folder)),
            train=tuple(_pairs(entries, "loss")),
            held_out=tuple(_pairs(entries, "eval_loss")),
            sets={name: losses for name, losses in sets.items() if losses},
            best=str(state.get("best_model_checkpoint") or ""),
            lost=_lost(entries),
            gradients=tuple(norm for _, norm in _pairs(entries, "grad_norm")),
            resumed=resumed,
        )
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UserError(
            f"{path} cannot be read: {error}", hint="it should be the trainer's own JSON"
        ) from error


def _in_order(log: Sequence[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], bool]:
    """The entries by step, and whether a step appears twice: then the run was resumed."""
    kept: dict[tuple[object, ...], Mapping[str, Any]] = {}
    resumed = False
    for number, entry in enumerate(log):
        kinds = tuple(sorted(key for key in entry if key.endswith("loss")))
        step = entry.get("step")
        # Without steps there is nothing to tell entries apart by but their order.
        place = (number,) if step is None else (step, *kinds)
        resumed = resumed or place in kept
        kept.pop(place, None)
        kept[place] = entry
    entries = list(kept.values())
    if resumed:
        entries.sort(key=lambda entry: float(entry.get("step") or 0))
    return entries, resumed


def _named_sets(log: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Name and key of every evaluation set beside the one without a name."""
    for key in dict.fromkeys(key for entry in log for key in entry):
        match = re.fullmatch(r"eval_(.+)_loss", key)
        if match:
            yield match[1], key


def _lost(log: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many values of each kind are no number."""
    counts = Counter[str]()
    for entry in log:
        for key, value in entry.items():
            measured = key in {"loss", "grad_norm"} or re.fullmatch(r"eval_(.+_)?loss", key)
            if measured and _number(value) is None:
                counts[key] += 1
    return dict(counts)


def _number(value: Any) -> float | None:
    """A finite number, written as one or as text; None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _pairs(log: Sequence[Mapping[str, Any]], key: str) -> Iterator[tuple[float, float]]:
    for entry in log:
        number = _number(entry.get(key))
        if number is not None:
            yield float(entry.get("epoch") or 0.0), number


def broken_log(history: History | None) -> list[Finding]:
    """T07: a training that lost its numbers, or in which nothing was learnt."""
    if history is None:
        return []
    return [
        Finding(
            code="T07",
            status="found",
            stage=STAGE,
            why=why,
            remedy="check precision (bf16, not fp16), learning rate and loss mask; train again",
            blocking=True,
        )
        for why in _log_faults(history)
    ]


def _log_faults(history: History) -> Iterator[str]:
    seen = {"loss": len(history.train), "grad_norm": len(history.gradients)}
    for key, count in history.lost.items():
        total = count + seen.get(key, _evaluations_of(history, key))
        # Mixed precision looks for its scale: a few steps without a gradient are no fault.
        if key != "grad_norm" or count > FEW_LOST * total:
            yield f"{count} of {total} logged values of {key} are NaN or infinite."

    for name, values in _series(history):
        if len(values) >= FEWEST_LOGGED and len(set(values)) == 1:
            times = len(values)
            yield f"The {name} is {values[0]:.4g} all {times} times: nothing was learned."


def _series(history: History) -> Iterator[tuple[str, Sequence[float]]]:
    """What changes from step to step where anything is learnt, by name."""
    yield "training loss", [loss for _, loss in history.train]
    # Clipping may hold the norm at one value; zero is no gradient at all.
    if not any(history.gradients):
        yield "gradient", history.gradients
    for name, points in history.evaluations.items():
        where = f" on {name}" if name else ""
        yield f"evaluation loss{where}", [loss for _, loss in points]


def _evaluations_of(history: History, key: str) -> int:
    name = key.removeprefix("eval_").removesuffix("loss").removesuffix("_")
    return len(history.evaluations.get(name, ()))


def overfitted(history: History | None) -> list[Finding]:
    """T01 of each evaluation set: nothing logged, stopped too late, or worse within its noise."""
    if history is None:
        return [
            unchecked("T01", "There is no trainer_state.json: what the trainer saw is unknown.")
        ]
    if not history.evaluations:
        if any(key.startswith("eval_") for key in history.lost):
            return [unchecked("T01", "Every evaluation loss that was logged is NaN or infinite.")]
        return [_never_evaluated(history)]
    found = []
    for name, points in history.evaluations.items():
        finding = stopped(history.model_copy(update={"held_out": points, "sets": {}}))
        why = f"{finding.why} The run was resumed." if history.resumed else finding.why
        why = f"{name}: {why}" if name else why
        found.append(finding.model_copy(update={"why": why}))
    return found


def stopped(history: History) -> Finding:
    """T01 of one evaluation set."""
    epoch_of_best, lowest = min(history.held_out, key=lambda point: point[1])
    losses = [loss for _, loss in history.held_out]
    where = f"lowest {lowest:.4g} at epoch {epoch_of_best:.3g}, last {losses[-1]:.4g}"
    if len(losses) == 1:
        why = f"A single evaluation ({lowest:.4g}) cannot show whether it was still falling."
        return unchecked("T01", why)
    if len(set(losses)) == 1:
        return unchecked("T01", f"The evaluation loss never changed ({where}).")
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
    losses = plural(len(history.train), "training loss", "training losses")
    return Finding(
        code="T01",
        status="found",
        stage=STAGE,
        why=f"{history.file} logs {losses} and no evaluation: whether it overfits is unknown.",
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
    if history is None or not history.evaluations or not history.train:
        return unchecked("T02", "Training and evaluation losses were not both logged.")
    if broken_log(history):
        return unchecked(
            "T02", "The log is broken (T07): its losses say nothing about memorisation."
        )
    name, points = next(iter(history.evaluations.items()))

    count = max(1, len(history.train) // RECENT)
    recent = [loss for _, loss in history.train[-count:]]
    held_out = points[-1][1]
    gap = gap_to_training(held_out, recent, level=LEVEL)
    limit = TOO_WIDE * held_out
    trained = held_out - gap.value
    where = f" ({name})" if name else ""
    compared = f"Training loss {trained:.3g} against {held_out:.3g} held out{where}"
    threshold = Threshold(value=limit, origin="built-in: half of the held-out loss")
    if gap.low > limit:
        return Finding(
            code="T02",
            status="found",
            stage=STAGE,
            why=f"{compared}: most of what it learned from its rows is memorised.",
            estimate=gap,
            threshold=threshold,
            remedy="fewer epochs, or drop repeated rows: tunewell doctor",
        )
    return Finding(
        code="T02",
        status="clear",
        stage=STAGE,
        why=f"{compared}: no sign of memorisation.",
        estimate=gap,
        threshold=threshold,
    )
