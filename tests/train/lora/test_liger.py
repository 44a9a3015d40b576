"""Liger's kernels as we call them, where Liger and Triton are installed.

Run by Triton's interpreter, without a GPU.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

SAME = """
import torch
from tunewell.train.lora.kernels import _liger, by_liger, swiglu
both = torch.randn(2, 5, 48, requires_grad=True)
grad = torch.randn(2, 5, 24)
ours, = torch.autograd.grad(swiglu(both), both, grad)
made = by_liger(both, _liger())
theirs, = torch.autograd.grad(made, both, grad)
torch.testing.assert_close(made, swiglu(both))
torch.testing.assert_close(theirs, ours)
"""


@pytest.mark.skipif(
    not find_spec("liger_kernel") or not find_spec("triton"), reason="Liger is not installed"
)
def test_ligers_swiglu_is_ours() -> None:
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SAME], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
