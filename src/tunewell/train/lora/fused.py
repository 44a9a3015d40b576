"""The elementwise work of a step in one pass over memory each, compiled for the processor at hand.

In PyTorch's own operations, normalisation, rotation, SwiGLU, softmax and cross-entropy take three
to eight passes each; where matrix products run on AMX, those passes are most of a step. Numba needs
no compiler at the user's. Where it is missing, and on a GPU, `tunewell.train.lora.kernels` does the
same in PyTorch; tests hold both to the same results.

Threads share whole rows and run the same code, so their number does not change a result. The
kernels themselves are in `tunewell.train.lora.fused_kernels`.
"""

from __future__ import annotations

import functools
import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

from tunewell.train.lora.fused_kernels import MAKES, Kernel, Numbers, tools_for

ALONE = 1 << 20
"""Numbers up to which one thread does it.

PyTorch's own threads still spin after a product, and a second one would wait for them (two cores,
steps of 256 tokens: 773 tokens/s alone, 658 shared; of 1,024 tokens 1,233 and 1,205).
"""


@dataclass(frozen=True)
class FusedKernels:
    """The kernels for one type of numbers; see `tunewell.train.lora.fused_kernels`."""

    norm: Kernel
    add_norm: Kernel
    norm_back: Kernel
    swiglu: Kernel
    swiglu_back: Kernel
    heads: Kernel
    heads_back: Kernel
    softmax: Kernel
    softmax_back: Kernel
    cross_entropy: Kernel


def fused(like: torch.Tensor) -> FusedKernels | None:
    """The kernels for tensors such as this one, or None where PyTorch has to do."""
    if like.device.type != "cpu" or like.dtype not in (torch.bfloat16, torch.float32):
        return None
    return _kernels(like.dtype == torch.bfloat16)


def array(tensor: torch.Tensor) -> Numbers:
    """A contiguous tensor as the kernels see it: fp32, or the bits of bf16."""
    plain = tensor.detach().contiguous()
    if plain.dtype == torch.bfloat16:
        plain = plain.view(torch.uint16)
    return plain.numpy()


@functools.cache
def _kernels(half: bool) -> FusedKernels | None:
    try:
        import numba
    except ImportError:
        return None
    # Sums in any order and no care for signed zeros; infinities and NaN stay what they are, so a
    # diverging run shows.
    fast = {"reassoc", "contract", "arcp", "nsz"}
    compiled = numba.njit(
        fastmath=fast,
        error_model="numpy",
        nogil=True,
    )
    inner = numba.njit(fastmath={"contract"}, error_model="numpy")

    tools = tools_for(half, inner)
    made = {}
    for make in MAKES:
        for kernel in make(tools):
            made[kernel.__name__] = _Shared(compiled(kernel))
    return FusedKernels(**made)


class _Shared:
    """A kernel whose rows are shared by as many threads as PyTorch has.

    Unlike Numba's own way to use threads this runs one and the same machine code for any number of
    them, so that a run may go on with another number to the same bytes.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def __call__(self, *values: Any) -> None:
        rows, threads = len(values[0]), torch.get_num_threads()
        if threads == 1 or values[0].size < ALONE:
            self._kernel((0, rows), *values)
            return
        cuts = [rows * i // threads for i in range(threads + 1)]
        pool = _pool(threads)
        at_work = [pool.submit(self._kernel, own, *values) for own in itertools.pairwise(cuts)]
        for done in at_work:
            done.result()


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)
