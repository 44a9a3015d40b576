"""What the files of a finished fine-tune show, without opening the model."""

from __future__ import annotations

from pathlib import Path

from tunewell.errors import UserError
from tunewell.evaluate.autopsy.adapter_files import adapter_in, plumbing
from tunewell.evaluate.autopsy.full_model import full_model_in, full_plumbing
from tunewell.evaluate.autopsy.output_folder import unchecked
from tunewell.evaluate.autopsy.training_log import (
    broken_log,
    memorised,
    overfitted,
    read_history,
)
from tunewell.types import Finding

HINT = "give the output folder of the trainer"


def _plumbing(
    adapter: Path | None,
    weights: list[Path],
    of_the_log: list[Finding],
) -> list[Finding]:
    """T07 of the log and of the weights: what one shows broken, the other does not clear."""
    if adapter is not None:
        of_the_weights = list(plumbing(adapter))
    elif weights:
        of_the_weights = list(full_plumbing(weights))
    else:
        of_the_weights = [unchecked("T07", "There are no weights in the folder.")]
    if not of_the_log:
        return of_the_weights
    return [*(f for f in of_the_weights if f.status == "found"), *of_the_log]


def autopsy(folder: Path) -> list[Finding]:
    """What the files show: T01 (overfitting, or nothing logged), T02, T07; others unchecked.

    Args:
        folder: Output folder of a trainer.

    Raises:
        UserError: The folder is not there, or holds neither a trainer's log nor an adapter.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}", hint=HINT)
    history = read_history(folder)
    adapter = adapter_in(folder)
    weights = full_model_in(folder)
    if history is None and adapter is None and not weights:
        raise UserError(
            f"{folder} holds neither trainer_state.json nor an adapter (adapter_config.json) nor "
            "weights (model.safetensors)",
            hint=HINT,
        )

    found = [*overfitted(history), memorised(history)]
    found += _plumbing(adapter, weights, broken_log(history))
    why = "No outputs were compared. Give them with: tunewell evaluate --predictions"
    found.append(unchecked("T05", why))
    found.append(unchecked("T04", "General ability was not measured before and after."))
    return found
