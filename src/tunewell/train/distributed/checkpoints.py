"""How far the processes of a final run are, and what they keep in case they are killed."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tunewell.store.files import fsync
from tunewell.train.distributed.job_files import DONE, Order, SharedWork, Told, checkpoints

if TYPE_CHECKING:
    from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


def keeper_of(
    order: Order,
    work: SharedWork,
    folder: Path,
) -> TrainerCallback:
    """A callback of the Trainer that tells every step and keeps checkpoints.

    They are kept at the end of every epoch and once in a while within; process 0 says when, for
    all.

    Args:
        order: When epochs end, and how often to keep what is between.
        work: Tokens of the steps.
        folder: See `tunewell.train.distributed.job_files`.
    """
    from transformers import TrainerCallback

    lengths = work.lengths
    tokens = np.cumsum([int(lengths[step].sum()) for step in work.steps])

    class Keeper(TrainerCallback):
        """See above."""

        def __init__(self) -> None:
            self.seconds = _seconds_before(folder)
            self.clock = self.saved = time.monotonic()

        def told(self, step: int) -> str:
            """How far it is, as a line."""
            seconds = round(self.seconds, 3)
            found: Told = {"step": step, "tokens": int(tokens[step - 1]), "seconds": seconds}
            return json.dumps(found)

        def on_train_begin(
            self,
            args: TrainingArguments,
            state: TrainerState,
            control: TrainerControl,
            **_: object,
        ) -> None:
            """The clock starts."""
            self.clock = self.saved = time.monotonic()

        def on_step_end(
            self,
            args: TrainingArguments,
            state: TrainerState,
            control: TrainerControl,
            **_: object,
        ) -> TrainerControl:
            """Tell it, and keep it where it is time."""
            now = time.monotonic()
            self.seconds += now - self.clock
            self.clock = now
            if state.is_world_process_zero:
                with (folder / "told").open("a", encoding="utf-8") as file:
                    file.write(self.told(state.global_step) + "\n")
            late = _of_first(now - self.saved > order.checkpoint_s, args)
            control.should_save = late or state.global_step in order.epoch_ends
            return control

        def on_save(
            self,
            args: TrainingArguments,
            state: TrainerState,
            control: TrainerControl,
            **_: object,
        ) -> None:
            """The files of this process are written; those of all, once they have met."""
            import torch

            if args.world_size > 1:
                torch.distributed.barrier()
            if state.is_world_process_zero:
                step = state.global_step
                mark(folder / f"checkpoint-{step}", self.told(step))
            self.clock = self.saved = time.monotonic()

    return Keeper()


def mark(checkpoint: Path, line: str) -> None:
    """Say that a checkpoint is whole; one without the mark is none.

    The Trainer's pickle of its own settings goes.
    """
    (checkpoint / "training_args.bin").unlink(missing_ok=True)
    for file in checkpoint.iterdir():
        fsync(file)
    temporary = checkpoint / "done.tmp"
    temporary.write_text(line, encoding="utf-8")
    fsync(temporary)
    os.replace(temporary, checkpoint / DONE)
    fsync(checkpoint)


def _seconds_before(folder: Path) -> float:
    """Spent on training before this process began, by the newest checkpoint."""
    whole = checkpoints(folder)
    if not whole:
        return 0.0
    _, newest = whole[-1]
    told: Told = json.loads((newest / DONE).read_text(encoding="utf-8"))
    return float(told["seconds"])


def _of_first(mine: bool, args: TrainingArguments) -> bool:
    """What process 0 says: all must do the same."""
    import torch

    if args.world_size == 1:
        return mine
    flag = torch.tensor([float(mine)], device=args.device)
    torch.distributed.broadcast(flag, 0)
    return bool(flag.item())
