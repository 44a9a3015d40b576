"""Starts the processes of a final run, listens to them, and ends with them.

Nobody trains on when nobody waits.
"""

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

import tunewell
from tunewell.errors import UserError
from tunewell.train.distributed.job_files import Failure, Told, told

WAIT_S = 0.2
"""Between two looks at what the processes say."""

END_S = 10
"""For the processes to end by themselves when they are asked to."""

FOREIGN = re.compile(
    r"(ACCELERATE|FSDP|DEEPSPEED|GROUP|ROLE|TORCHELASTIC|MASTER|LOCAL)_|(RANK|WORLD_SIZE)$"
)
"""Settings of other launchers, which would silently become ours."""

MEMORY = re.compile(r"out of memory|CUDA error: out of|Cannot allocate memory", re.IGNORECASE)
EXIT_CODE = re.compile(r"exitcode\s*:\s*(-\d+)")
"""How torch's launcher reports a process that a signal has ended."""

LOG_END = 20_000
"""Characters at the end of a log that are looked at."""

Listen = Callable[[Told], None]


def launch(
    folder: Path,
    *,
    processes: int,
    threads: int,
    listen: Listen,
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


def _hear(
    folder: Path,
    at: int,
    listen: Listen,
) -> int:
    """Pass on what was told since a byte; gives the next one."""
    lines, at = told(folder / "told", at)
    for line in lines:
        listen(line)
    return at


def command(
    folder: Path,
    pipe: Path,
    *,
    processes: int,
) -> list[str]:
    """What to type.

    ``accelerate launch --cpu --num_processes 2`` starts one process and says nothing; torch's own
    launcher does not.
    """
    found = [sys.executable]
    if processes > 1:
        found += ["-m", "torch.distributed.run", "--standalone"]
        found += ["--nproc_per_node", str(processes)]
    return [*found, "-m", "tunewell.train.distributed.worker", str(folder), str(pipe)]


def environment(*, threads: int, alone: bool = False) -> dict[str, str]:
    """Of the processes: ours, without settings of other launchers, silent and offline.

    Args:
        threads: Of each, on a processor.
        alone: One process gets one GPU: of several it would make copies in threads, which TRL
            refuses.
    """
    kept = {name: value for name, value in os.environ.items() if not FOREIGN.match(name)}
    if alone:
        first, _, _ = kept.get("CUDA_VISIBLE_DEVICES", "0").partition(",")
        kept["CUDA_VISIBLE_DEVICES"] = first
    own = str(Path(tunewell.__file__).parents[1])
    paths = [own, *kept.get("PYTHONPATH", "").split(os.pathsep)]
    return kept | {
        "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in paths if path),
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
    """A named pipe that this process alone can write to.

    When it is gone, however, the readers know.
    """
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
    """Ask all of them to end, then make them."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=END_S)
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


# --- what went wrong ------------------------------------------------------------------------------


def failure(
    folder: Path,
    code: int,
    *,
    processes: int,
) -> UserError:
    """The one error for whatever went wrong in the processes."""
    log = folder / "log"
    text = ""
    if log.is_file():
        text = log.read_text(encoding="utf-8", errors="replace")[-LOG_END:]
    said = _first_said(folder)
    signals = _signals(text, code)
    if said is not None and not signals:
        where = f" (process {said['rank'] + 1} of {processes})" if processes > 1 else ""
        why, hint = f"{_printable(said['why'])}{where}", said["hint"]
    else:
        why, hint = _by_the_log(text, code, signals)

    if MEMORY.search(why):
        hint = "lower train.max_tokens, or with several GPUs set machine.sharding: fsdp"
    hint = hint or f"read {log}; what was trained is kept, and the next run resumes from there"
    return UserError(f"The final training through TRL stopped: {why}", place=str(log), hint=hint)


def _first_said(folder: Path) -> Failure | None:
    """Why the first process that gave up did so."""
    found: list[Failure] = [json.loads(p.read_bytes()) for p in folder.glob("error-*.json")]
    return min(found, key=lambda said: said["at"], default=None)


def _signals(text: str, code: int) -> list[int]:
    """Signals that have ended processes, by the launcher's log and by our own exit code.

    The others of a killed process report that it is gone, or are ended by the launcher (15):
    neither is the reason.
    """
    codes = [int(found) for found in EXIT_CODE.findall(text)]
    if code < 0:
        codes.append(code)
    return [-found for found in codes if -found != signal.SIGTERM]


def _by_the_log(
    text: str,
    code: int,
    signals: list[int],
) -> tuple[str, str]:
    """Why it ended, and a hint, where no process has said it."""
    why = f"it ended with exit code {code}"
    if signals:
        why = f"a process was killed by signal {signals[0]}"
    tail = [_printable(line) for line in text.splitlines() if line.strip()][-5:]
    if tail:
        why += "; the log ends:\n  " + "\n  ".join(tail)
    if signal.SIGKILL in signals:
        return why, "killed by signal 9, usually out of memory: lower machine.processes"
    return why, ""


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:500]
