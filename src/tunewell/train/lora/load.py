"""The base model of a folder, frozen, as the decoder that computes it best."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from pathlib import Path

import torch

from tunewell.model.load import load_model
from tunewell.train.lora.fast import FastDecoder, is_plain
from tunewell.train.lora.hooked import HookedDecoder
from tunewell.train.lora.network import FrozenDecoder
from tunewell.train.lora.whole import WholeDecoder

CUTTABLE = ("layers", "norm", "rotary_emb", "embed_tokens")
"""What a decoder's ``model`` must have to be cut at a layer."""

MALLOC_TRIM_THRESHOLD = -1
MALLOC_MMAP_THRESHOLD = -3
"""Parameters of glibc's ``mallopt`` (malloc.h)."""


def load_network(
    folder: Path,
    *,
    dtype: torch.dtype | None = None,
    fast: bool = True,
    device: torch.device | str | None = None,
) -> FrozenDecoder:
    """The base model of a folder in Hugging Face layout, frozen.

    Args:
        folder: From `tunewell.model.weights.resolve`.
        dtype: Type to compute in; see `tunewell.model.load.load_model`.
        fast: Whether our own layers may be used where they fit.
        device: Where to compute; see `tunewell.model.load.load_model`.

    Raises:
        MissingExtraError: The extra ``train`` is not installed.
        ModelError: It is no decoder that we can cut.
    """
    _keep_memory()
    model = load_model(folder, dtype=dtype, device=device)
    core = getattr(model, "model", None)
    if not all(hasattr(core, name) for name in CUTTABLE):
        return WholeDecoder(model)
    if fast and is_plain(model.config):
        return FastDecoder(model)
    return HookedDecoder(model)


def _keep_memory() -> None:
    """Let freed memory stay with the process: each step asks for the same blocks again."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        # Fresh pages cost more than the arithmetic on them.
        libc.mallopt(MALLOC_MMAP_THRESHOLD, 32 << 20)
        libc.mallopt(MALLOC_TRIM_THRESHOLD, 1 << 30)


def release_memory() -> None:
    """Give back to the system (or to other processes on the GPU) what was kept.

    For the end of a training.
    """
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
