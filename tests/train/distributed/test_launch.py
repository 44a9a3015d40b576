"""Processes of a final run: one clear error for what goes wrong, and none that trains on alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tunewell.errors import UserError
from tunewell.train.distributed import launch as launching
from tunewell.train.distributed.job_files import DONE, Order, checkpoints, clear, told
from tunewell.types import Recipe


def run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, code: str, *, processes: int = 1
) -> list[Any]:
    """Launch a small program in place of the worker."""
    monkeypatch.setattr(
        launching, "command", lambda folder, pipe, **_: [sys.executable, "-c", code, str(pipe)]
    )
    heard: list[Any] = []
    launching.launch(folder, processes=processes, threads=1, listen=heard.append)
    return heard


def test_what_processes_tell_is_heard_to_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
import time
for i in range(3):
    with open("told", "a") as file:
        print('{"step": %d}' % i, file=file)
    time.sleep(.1)
"""
    assert run(tmp_path, monkeypatch, code) == [{"step": 0}, {"step": 1}, {"step": 2}]


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    file = tmp_path / "told"
    assert told(file, 0) == ([], 0)
    file.write_text('{"step": 1}\n{"st', encoding="utf-8")
    lines, at = told(file, 0)
    assert lines == [{"step": 1}]
    file.write_text('{"step": 1}\n{"step": 2}\n', encoding="utf-8")
    assert told(file, at) == ([{"step": 2}], 24)


def test_the_first_process_that_failed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rank, at, why in (
        (0, 2.0, "RuntimeError: peer closed"),
        (1, 1.0, "ValueError: bad\x1b[31m"),
    ):
        error = {"why": why, "hint": "", "at": at, "rank": rank}
        (tmp_path / f"error-{rank}.json").write_text(json.dumps(error), encoding="utf-8")
    with pytest.raises(
        UserError, match=r"stopped: ValueError: bad \[31m \(process 2 of 2\)"
    ) as caught:
        run(tmp_path, monkeypatch, "raise SystemExit(1)", processes=2)
    assert caught.value.place == str(tmp_path / "log")
    assert "Traceback" not in str(caught.value)


def test_a_killed_process_is_the_reason_and_not_its_peer_that_lost_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = {"why": "RuntimeError: Connection closed by peer", "hint": "", "at": 1.0, "rank": 0}
    (tmp_path / "error-0.json").write_text(json.dumps(error), encoding="utf-8")
    code = "print('  exitcode  : -15 (pid: 6)\\n  exitcode  : -9 (pid: 7)'); raise SystemExit(1)"
    with pytest.raises(UserError, match="stopped: a process was killed by signal 9"):
        run(tmp_path, monkeypatch, code, processes=2)


@pytest.mark.parametrize(
    ("code", "why", "hint"),
    [
        (
            "import os; print('going', flush=True); os.kill(os.getpid(), 9)",
            "killed by signal 9",
            "out of memory",
        ),
        (
            "print('\\n'.join(map(str, range(9)))); raise SystemExit(3)",
            "code 3; the log ends:\n  4\n  5",
            "resumes from there",
        ),
        (
            "print('       exitcode  : -9 (pid: 7)'); raise SystemExit(1)",
            "killed by signal 9",
            "out of memory",
        ),
        (
            "print('CUDA out of memory'); raise SystemExit(1)",
            "out of memory",
            "machine.sharding: fsdp",
        ),
    ],
)
def test_without_a_word_the_log_speaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, why: str, hint: str
) -> None:
    with pytest.raises(UserError) as caught:
        run(tmp_path, monkeypatch, code)
    assert why in caught.value.message
    assert hint in caught.value.hint


def test_a_worker_says_why_it_gave_up(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"FileNotFoundError: .*job\.json"):
        launching.launch(tmp_path, processes=1, threads=1, listen=lambda _: None)


def test_settings_of_other_launchers_stay_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "ACCELERATE_USE_FSDP",
        "RANK",
        "WORLD_SIZE",
        "LOCAL_RANK",
        "MASTER_ADDR",
        "FSDP_VERSION",
    ):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("PYTHONPATH", "here")
    found = launching.environment(threads=3)
    assert not {
        "ACCELERATE_USE_FSDP",
        "RANK",
        "WORLD_SIZE",
        "LOCAL_RANK",
        "MASTER_ADDR",
        "FSDP_VERSION",
    } & set(found)
    assert found["PYTHONPATH"].split(os.pathsep)[-1] == str(Path.cwd() / "here")
    assert found["DO_NOT_TRACK"] == found["HF_HUB_OFFLINE"] == "1"


def test_one_process_sees_one_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert launching.environment(threads=1, alone=True)["CUDA_VISIBLE_DEVICES"] == "0"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert launching.environment(threads=1, alone=True)["CUDA_VISIBLE_DEVICES"] == "2"
    assert launching.environment(threads=1)["CUDA_VISIBLE_DEVICES"] == "2,3"


def test_several_processes_go_through_torchs_launcher(tmp_path: Path) -> None:
    one, two = (launching.command(tmp_path, tmp_path / "leash", processes=n) for n in (1, 2))
    assert "torch.distributed.run" not in one
    assert two[two.index("--nproc_per_node") + 1] == "2"
    assert one[-3:] == two[-3:]


HOLD = """
import sys, threading, time
from pathlib import Path
from tunewell.train.distributed.worker import hold
threading.Thread(target=hold, args=(Path(sys.argv[1]),), daemon=True).start()
print("held", flush=True)
time.sleep(60)
"""


def test_a_worker_ends_with_its_master(tmp_path: Path) -> None:
    env = launching.environment(threads=1)
    with launching.leash() as pipe:
        worker = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(pipe)], env=env, stdout=subprocess.PIPE
        )
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"held\n"
        time.sleep(0.2)
        assert worker.poll() is None
    assert worker.wait(timeout=10) == 75
    worker.stdout.close()
    # One that comes up when its master is already gone does not even begin.
    late = subprocess.run(
        [sys.executable, "-c", HOLD, str(pipe)],
        env=env,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert late.returncode == 75


def order(**changes: Any) -> Order:
    return Order(
        base="b",
        recipe=Recipe(),
        cut=0,
        dtype="float32",
        device="cpu",
        processes=1,
        sharding="none",
        pass_tokens=9,
        horizon=4,
        epoch_ends=(2, 4),
        checkpoint_s=60,
    ).model_copy(update=changes)


def kept(folder: Path, step: int, *, whole: bool = True) -> None:
    path = folder / f"checkpoint-{step}"
    path.mkdir()
    if whole:
        (path / DONE).write_text("{}", encoding="utf-8")


def test_only_whole_checkpoints_of_the_same_order_are_gone_on_from(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(order().model_dump_json(), encoding="utf-8")
    for step, whole in ((2, True), (10, True), (12, False)):
        kept(tmp_path, step, whole=whole)
    assert [s for s, _ in checkpoints(tmp_path)] == [2, 10]
    clear(tmp_path, order(processes=2))  # other processes may go on
    assert sorted(p.name for p in tmp_path.glob("checkpoint-*")) == [
        "checkpoint-10",
        "checkpoint-2",
    ]
    clear(tmp_path, order(sharding="fsdp"))
    assert not list(tmp_path.glob("checkpoint-*"))
