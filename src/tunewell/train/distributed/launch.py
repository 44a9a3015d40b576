"""Starts the processes of a final run, listens to them, and ends with them: nobody trains on when nobody waits."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tunewell
from tunewell.errors import UserError
from tunewell.train.distributed.job_files import told

WAIT_S = 0.2
"""Between two looks at what the processes say."""

FOREIGN = re.compile(
    r"(ACCELERATE|FSDP|DEEPSPEED|GROUP|ROLE|TORCHELASTIC|MASTER|LOCAL)_|(RANK|WORLD_SIZE)$"
)
"""Settings of other launchers, which would silently become ours."""

MEMORY = re.compile(r"out of memory|CUDA error: out of|Cannot allocate memory", re.IGNORECASE)


def launch(
    folder: Path, *, processes: int, threads: int, listen: Callable[[dict[str, Any]], None]
) -> None:
    """Run the order in a folder to its end.

    Args:
        folder: See `tunewell.train.distributed.job_files`.
        processes: How many.
        threads: Of each, on a processor.
        listen: Called with every line that they tell.

    Raises:
        UserError: They did not come to the end: why, and where their log lies.
    """
    with leash() as pipe, (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command(folder, pipe, processes=processes),
            cwd=folder,  # a module in the user's folder must not stand in for one of ours
            env=environment(threads=threads, alone=processes == 1),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        at = 0
        try:
            while process.poll() is None:
                time.sleep(WAIT_S)
                at = _hear(folder, at, listen)
        finally:
            _end(process)
        _hear(folder, at, listen)
    if process.returncode:
        raise failure(folder, process.returncode, processes=processes)


def _hear(folder: Path, at: int, listen: Callable[[dict[str, Any]], None]) -> int:
    lines, at = told(folder / "told", at)
    for line in lines:
        listen(line)
    return at


def command(folder: Path, pipe: Path, *, processes: int) -> list[str]:
    """What to type.

    ``accelerate launch --cpu --num_processes 2`` starts one process and says nothing; torch's own
    launcher does not.
    """
    many = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    return [
        sys.executable,
        *(many if processes > 1 else []),
        "-m",
        "tunewell.train.distributed.worker",
        str(folder),
        str(pipe),
    ]


def environment(*, threads: int, alone: bool = False) -> dict[str, str]:
    """Of the processes: ours, without settings of other launchers, silent and offline.

    Args:
        threads: Of each, on a processor.
        alone: One process gets one GPU: of several it would make copies in threads, which TRL
            refuses.
    """
    kept = {k: v for k, v in os.environ.items() if not FOREIGN.match(k)}
    if alone:
        kept["CUDA_VISIBLE_DEVICES"] = kept.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    paths = [str(Path(tunewell.__file__).parents[1]), *kept.get("PYTHONPATH", "").split(os.pathsep)]
    return kept | {
        "PYTHONPATH": os.pathsep.join(os.path.abspath(p) for p in paths if p),
        "OMP_NUM_THREADS": kept.get("OMP_NUM_THREADS", str(threads)),
        "DO_NOT_TRACK": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
    }


@contextlib.contextmanager
def leash() -> Iterator[Path]:
    """A named pipe that this process alone can write to: when it is gone, however, the readers know."""
    folder = Path(tempfile.mkdtemp(prefix="tunewell-"))
    pipe = folder / "leash"
    os.mkfifo(pipe, 0o600)
    end = os.open(pipe, os.O_RDWR)  # for writing alone it would wait for a reader
    try:
        yield pipe
    finally:
        os.close(end)
        shutil.rmtree(folder, ignore_errors=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def failure(folder: Path, code: int, *, processes: int) -> UserError:
    """The one error for whatever went wrong in the processes."""
    found = sorted(
        (json.loads(p.read_bytes()) for p in folder.glob("error-*.json")), key=lambda e: e["at"]
    )
    log = folder / "log"
    text = log.read_text(encoding="utf-8", errors="replace")[-20_000:] if log.is_file() else ""
    hint = ""
    # The others of a killed process report that it is gone, or are ended by the launcher (15):
    # neither is the reason.
    ended = [
        c
        for c in (*re.findall(r"exitcode\s*:\s*(-\d+)", text), *([str(code)] if code < 0 else []))
        if c != "-15"
    ]
    if found and not ended:
        where = f" (process {found[0]['rank'] + 1} of {processes})" if processes > 1 else ""
        why, hint = f"{_printable(found[0]['why'])}{where}", found[0]["hint"]
    else:
        why = (
            f"a process was killed by signal {-int(ended[0])}"
            if ended
            else f"it ended with exit code {code}"
        )
        tail = [_printable(line) for line in text.splitlines() if line.strip()][-5:]
        why += "; the log ends:\n  " + "\n  ".join(tail) if tail else ""
        hint = (
            "signal 9 is usually the system's want of memory: fewer machine.processes"
            if "-9" in ended
            else ""
        )
    if MEMORY.search(why):
        hint = "lower train.max_tokens, or with several GPUs set machine.sharding: fsdp"
    hint = hint or f"read {log}; what was trained is kept, the next run goes on from there"
    return UserError(f"The final training through TRL stopped: {why}", place=str(log), hint=hint)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:500]
