"""What the files of a finished fine-tune show, without opening the model."""

from __future__ import annotations

from pathlib import Path

from tunewell.errors import UserError
from tunewell.evaluate.autopsy.adapter_files import adapter_in, plumbing
from tunewell.evaluate.autopsy.output_folder import unchecked
from tunewell.evaluate.autopsy.training_log import memorised, read_history, stopped
from tunewell.types import Finding

HINT = "give the output folder of the trainer"


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
    if history is None and adapter is None:
        raise UserError(
            f"{folder} holds neither trainer_state.json nor an adapter (adapter_config.json)",
            hint=HINT,
        )

    found = [stopped(history), memorised(history)]
    if adapter is not None:
        found += plumbing(adapter)
    else:
        found.append(unchecked("T07", "There is no PEFT adapter in the folder."))
    why = "No outputs were compared. Give them with: tunewell evaluate --predictions"
    found.append(unchecked("T05", why))
    found.append(unchecked("T04", "General ability was not measured before and after."))
    return found
