"""One process of a final run: ``python -m tunewell.train.distributed.worker FOLDER LEASH``.

Started by `tunewell.train.distributed.launch`, alone or as one of several by
``torch.distributed.run``. It ends at once when the process that ordered it is gone: the leash is a
named pipe that only that process holds open for writing.
"""

from __future__ import annotations

import json
import os
import select
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from tunewell.errors import UserError
from tunewell.train.distributed.job_files import Failure, Order, SharedWork, checkpoints

if TYPE_CHECKING:
    from trl import SFTTrainer

ORPHAN = 75
"""Exit code of a process whose master is gone."""


def main(arguments: list[str]) -> NoReturn:
    """Train, and end this process.

    What went wrong is left in the folder, for one clear message.
    """
    folder, leash = Path(arguments[0]), Path(arguments[1])
    watch = threading.Thread(target=hold, args=(leash,), daemon=True)
    watch.start()
    try:
        # Held to the end: see `_end`.
        trainer = work_off(folder)
    except Exception as error:
        traceback.print_exc()
        told = _failure(error)
        note = folder / f"error-{told['rank']}.json"
        note.write_text(json.dumps(told), encoding="utf-8")
        _end(1)
    _end(0, trainer)


def _end(code: int, *_: object) -> NoReturn:
    """End this process without tearing anything down: the result is on disk.

    When a distributed model is freed, PyTorch (2.13) waits for a thread of gloo's that may itself
    be waiting for the interpreter: for ever, now and then.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _failure(error: Exception) -> Failure:
    """What went wrong in this process."""
    why, hint = _first_line(error), ""
    if isinstance(error, UserError):
        why, hint = error.message, error.hint
    rank = int(os.environ.get("RANK", "0"))
    return {"why": why, "hint": hint, "at": time.time(), "rank": rank}


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    kind = type(error).__name__
    return f"{kind}: {lines[0]}" if lines else kind


def hold(leash: Path) -> None:
    """Wait until nobody holds the other end, then end this process, whatever it is doing."""
    try:
        end = os.open(leash, os.O_RDONLY | os.O_NONBLOCK)
        gone = select.poll()
        gone.register(end, select.POLLHUP)
        try:
            alive = os.read(end, 1) != b""
        except BlockingIOError:
            alive = True  # someone could write and does not
        while alive:
            alive = not any(event & select.POLLHUP for _, event in gone.poll())
    except OSError:
        pass
    os._exit(ORPHAN)


def work_off(folder: Path) -> SFTTrainer:
    """Train as ordered, from the newest whole checkpoint on; the last checkpoint is the result."""
    order = Order.model_validate_json((folder / "job.json").read_bytes())

    import torch
    from safetensors.torch import load_file

    from tunewell.train.distributed.checkpoints import keeper_of
    from tunewell.train.distributed.trainer import build

    work = SharedWork.load(folder / "rows.safetensors")
    start = load_file(folder / "start.safetensors")
    keeper = keeper_of(order, work, folder)
    trainer = build(order, work, start, folder, [keeper])
    # Dropout: each process its own.
    torch.manual_seed(order.recipe.seed + trainer.args.process_index)
    whole = checkpoints(folder)
    trainer.train(resume_from_checkpoint=str(whole[-1][1]) if whole else None)
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    return trainer


if __name__ == "__main__":
    main(sys.argv[1:])
