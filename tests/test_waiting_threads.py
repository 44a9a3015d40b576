"""Threads that wait let others run: else a busy machine makes every answer many times slower."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SHOW = "import os, tunewell; print(os.environ['OMP_WAIT_POLICY'], os.environ['KMP_BLOCKTIME'])"


def shown(**set_by_user: str) -> list[str]:
    ours = {"OMP_WAIT_POLICY", "KMP_BLOCKTIME"}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        env={**inherited, **set_by_user},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_waiting_threads_sleep_unless_the_user_says_otherwise() -> None:
    assert shown() == ["PASSIVE", "0"]
    assert shown(OMP_WAIT_POLICY="ACTIVE", KMP_BLOCKTIME="200") == ["ACTIVE", "200"]


def test_importing_the_package_alone_starts_no_library_whose_threads_would_not_know() -> None:
    """The policy is read once, when the threads start."""
    code = (
        "import sys, tunewell; print(*(n for n in ('torch', 'numpy', 'numba') if n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_threads_of_pytorch_do_not_spin_while_they_wait() -> None:
    """A pause between two products costs no processor time (spinning costs all of it)."""
    pytest.importorskip("torch")
    code = """
import os, time, tunewell, torch
a = torch.rand(512, 512)
for _ in range(20): a @ a
used = []
for _ in range(30):
    a @ a
    before = time.process_time()
    time.sleep(0.004)
    used.append(time.process_time() - before)
print(sorted(used)[15] / 0.004)
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert float(done.stdout) < 0.5
