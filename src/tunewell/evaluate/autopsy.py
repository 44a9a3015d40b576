"""A finished fine-tune made elsewhere: what its own files say of it.

Reads Hugging Face's ``trainer_state.json`` (of the folder, else of its last checkpoint) and a PEFT
adapter in safetensors. Nothing is run and no pickle is opened (``training_args.bin`` is one).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tunewell.errors import UserError
from tunewell.stats.inputs import critical
from tunewell.types import Estimate, Finding, Threshold, Value

STAGE = "autopsy"
LEVEL = 0.95
FEWEST = 4
"""Fewer evaluations than this do not show their own noise."""


class History(Value):
    """What a trainer logged.

    Attributes:
        file: Where it was read.
        train: (epoch, loss) in order.
        held_out: (epoch, evaluation loss) in order.
        epochs: Epochs done.
        best: Checkpoint that the trainer called the best; empty if it did not say.
        loaded_best: Whether the last weights are those of the best checkpoint, as far as the file
            says.
    """

    file: str
    train: tuple[tuple[float, float], ...] = ()
    held_out: tuple[tuple[float, float], ...] = ()
    epochs: float = 0.0
    best: str = ""


def read_history(folder: Path) -> History | None:
    """The log of a trainer in a folder, or of its last checkpoint; None if there is none.

    Raises:
        UserError: There is one that cannot be read.
    """
    places = [folder / "trainer_state.json"]
    numbered = [
        (int(m[1]), p)
        for p in folder.glob("checkpoint-*")
        if (m := re.fullmatch(r"checkpoint-(\d+)", p.name))
    ]
    places += [p / "trainer_state.json" for _, p in sorted(numbered, reverse=True)]
    path = next((p for p in places if p.is_file()), None)
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
        epochs=float(state.get("epoch") or 0.0),
        best=str(state.get("best_model_checkpoint") or ""),
    )


def _pairs(log: Sequence[Mapping[str, Any]], key: str) -> Iterator[tuple[float, float]]:
    for entry in log:
        value = entry.get(key)
        if isinstance(value, int | float) and math.isfinite(value):
            yield float(entry.get("epoch") or 0.0), float(value)


def noise(losses: Sequence[float]) -> float | None:
    """Standard deviation of the jitter of a smooth curve, from its second differences.

    None with too few points.

    Example:
        >>> noise([3.0, 2.5, 2.2, 2.1, 2.05]) < 0.1, noise([3.0, 2.0])
        (True, None)
    """
    if len(losses) < FEWEST:
        return None
    second = np.diff(np.asarray(losses, np.float64), 2)
    return float(np.sqrt((second**2).mean() / 6))


def adapter_in(folder: Path) -> Path | None:
    """The adapter of a trainer's output: of the folder itself, else of its last checkpoint.

    None if there is none.
    """
    numbered = [
        (int(m[1]), p)
        for p in folder.glob("checkpoint-*")
        if (m := re.fullmatch(r"checkpoint-(\d+)", p.name))
    ]
    places = [folder, *(p for _, p in sorted(numbered, reverse=True))]
    return next((p for p in places if _is_adapter(p)), None)


def base_of(adapter: Path) -> str:
    """The base model that an adapter names; empty if it names none."""
    try:
        config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(config.get("base_model_name_or_path") or "")


def autopsy(folder: Path) -> list[Finding]:
    """What the files of a finished fine-tune show: T01 (overfitting, or nothing logged), T02, T07.

    Others unchecked.

    Args:
        folder: Output folder of a trainer.

    Raises:
        UserError: The folder is not there, or holds neither a trainer's log nor an adapter.
    """
    if not folder.is_dir():
        raise UserError(
            f"there is no folder {folder}", hint="give the output folder of the trainer"
        )
    history = read_history(folder)
    adapter = adapter_in(folder)
    if history is None and adapter is None:
        raise UserError(
            f"{folder} holds neither trainer_state.json nor an adapter (adapter_config.json)",
            hint="give the output folder of the trainer",
        )
    found = [stopped(history), memorised(history)]
    found += (
        list(plumbing(adapter))
        if adapter
        else [_unchecked("T07", "There is no PEFT adapter in the folder.")]
    )
    found.append(
        _unchecked(
            "T05", "No outputs were compared. Give them with: tunewell evaluate --predictions"
        )
    )
    found.append(_unchecked("T04", "General ability was not measured before and after."))
    return found


def _unchecked(code: str, why: str) -> Finding:
    return Finding(code=code, status="unchecked", stage=STAGE, why=why)


def stopped(history: History | None) -> Finding:
    """T01: nothing logged, stopped too late, or worse only within its own noise."""
    if history is None:
        return _unchecked(
            "T01", "There is no trainer_state.json: what the trainer saw is not known."
        )
    if not history.held_out:
        return Finding(
            code="T01",
            status="found",
            stage=STAGE,
            why=f"{history.file} logs {len(history.train)} training losses and no evaluation: "
            "nobody knows whether it overfits.",
            remedy="train again with an evaluation set (eval_strategy), or: tunewell run",
            blocking=True,
        )
    losses = [v for _, v in history.held_out]
    best = int(np.argmin(losses))
    rise = losses[-1] - losses[best]
    where = (
        f"lowest {losses[best]:.4g} at epoch {history.held_out[best][0]:.3g}, last {losses[-1]:.4g}"
    )
    if best == len(losses) - 1:
        why = f"The evaluation loss was still falling when it stopped ({where})."
        return Finding(code="T01", status="clear", stage=STAGE, why=why)
    sigma = noise(losses)
    if sigma is None:
        return _unchecked(
            "T01", f"{len(losses)} evaluations are too few to tell a rise from noise ({where})."
        )
    # The lowest was picked among all, and the noise is an estimate too: Bonferroni, and Student's t
    # for its few points.
    strict = 1 - (1 - LEVEL) / (len(losses) - 1)
    half = critical(strict, max(1.0, (len(losses) - 2) / 2)) * math.sqrt(2) * sigma
    estimate = Estimate(
        value=rise,
        low=rise - half,
        high=rise + half,
        n=len(losses),
        method="last minus lowest, noise from second differences",
        unit="nats/token",
    )
    late = estimate.low > 0
    verb = "stopped too late" if late else "got worse only within its own noise"
    kept = " The trainer named a best checkpoint: use that one." if history.best else ""
    return Finding(
        code="T01",
        status="found" if late else "clear",
        stage=STAGE,
        why=f"It {verb}: {where}, rise {estimate}.{kept}",
        estimate=estimate,
        threshold=Threshold(value=0.0, origin="built-in"),
        remedy=f"take the checkpoint of epoch {history.held_out[best][0]:.3g}, or train again for so long"
        if late
        else "",
    )


def memorised(history: History | None) -> Finding:
    """T02: the training loss against the evaluation loss at the end.

    A hint, since rows are not seen.
    """
    if history is None or not history.held_out or not history.train:
        return _unchecked("T02", "Training and evaluation losses were not both logged.")
    last = [v for _, v in history.train[-max(1, len(history.train) // 10) :]]
    trained, held_out = float(np.mean(last)), history.held_out[-1][1]
    spread = (
        critical(LEVEL) * float(np.std(last, ddof=1)) / math.sqrt(len(last))
        if len(last) > 1
        else math.inf
    )
    gap = held_out - trained
    estimate = Estimate(
        value=gap,
        low=gap - spread,
        high=gap + spread,
        n=len(last),
        method="held-out minus training loss",
        unit="nats/token",
    )
    limit = 0.5 * held_out
    found = estimate.low > limit
    return Finding(
        code="T02",
        status="found" if found else "clear",
        stage=STAGE,
        why=f"Training loss {trained:.3g} against {held_out:.3g} held out: "
        + (
            "most of what it knows of its rows, it knows by heart."
            if found
            else "no sign of learning by heart."
        ),
        estimate=estimate,
        threshold=Threshold(value=limit, origin="built-in: half of the held-out loss"),
        remedy="fewer epochs, or drop repeated rows: tunewell doctor" if found else "",
    )


# --- the adapter ----------------------------------------------------------------------------------


def _is_adapter(folder: Path) -> bool:
    return (folder / "adapter_config.json").is_file()


def plumbing(folder: Path) -> Iterator[Finding]:
    """T07: what is wrong with an adapter's files: untrained, not finite, keys that its configuration does not know."""
    faults = list(_adapter_faults(folder))
    if not faults:
        yield Finding(
            code="T07",
            status="clear",
            stage=STAGE,
            why="The adapter's files fit together and are trained.",
        )
    for fault in faults:
        yield Finding(
            code="T07",
            status="found",
            stage=STAGE,
            why=fault,
            remedy="check how the adapter was saved (safetensors, base model, target modules)",
            blocking=True,
        )


def _adapter_faults(folder: Path) -> Iterator[str]:
    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        yield f"adapter_config.json cannot be read: {error}"
        return
    path = folder / "adapter_model.safetensors"
    if not path.is_file():
        pickle = (folder / "adapter_model.bin").is_file()
        yield (
            "The adapter is saved as a pickle, which is never opened."
            if pickle
            else "There is no safetensors file."
        )
        return
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="np") as file:
            tensors = {k: file.get_slice(k).get_shape() for k in file.keys()}
            values = {k: _summary(file, k) for k in tensors if "lora_B" in k}
    except (SafetensorError, OSError, TypeError, ValueError) as error:
        yield f"adapter_model.safetensors cannot be read: {error}"
        return
    if not values:
        yield "The adapter holds no lora_B matrices."
        return
    if all(size == 0 for size, _ in values.values()):
        yield "Every lora_B is zero: the adapter was never trained, the model is its base."
    broken = [k for k, (_, finite) in values.items() if not finite]
    if broken:
        yield f"{len(broken)} matrices hold NaN or infinity, such as {broken[0]}."
    ranks = {shape[0] for k, shape in tensors.items() if "lora_A" in k and len(shape) == 2}
    if config.get("r") and ranks and ranks != {config["r"]} and not config.get("rank_pattern"):
        yield f"adapter_config.json says rank {config['r']}, the matrices have {sorted(ranks)}."
    targets = config.get("target_modules")
    if isinstance(targets, list):
        strange = [k for k in values if not any(f".{t}." in k for t in targets)]
        if strange:
            yield f"{len(strange)} matrices are of no target module, such as {strange[0]}: loaders drop them silently."


def _summary(file: Any, key: str) -> tuple[float, bool]:
    """(greatest magnitude, whether all is finite) of a tensor; bfloat16 is read as its bits."""
    try:
        array = np.asarray(file.get_tensor(key)).astype(np.float64)
    except (TypeError, AttributeError):  # NumPy knows no bfloat16
        return math.nan, True
    finite = bool(np.isfinite(array).all())
    return float(np.abs(array[np.isfinite(array)]).max(initial=0.0)), finite
