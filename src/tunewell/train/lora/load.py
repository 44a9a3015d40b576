"""The base model of a folder, frozen, as the decoder that computes it best."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from tunewell.errors import MissingExtraError, ModelError
from tunewell.train.lora.device import best_device
from tunewell.train.lora.fast import FastDecoder, is_plain
from tunewell.train.lora.hooked import HookedDecoder
from tunewell.train.lora.network import FrozenDecoder


def best_type() -> Any:
    """bf16 where the processor (or GPU) has instructions for it, else fp32."""
    if torch.cuda.is_available():
        return (
            torch.bfloat16
            if torch.cuda.is_bf16_supported(including_emulation=False)
            else torch.float32
        )
    with suppress(AttributeError, RuntimeError):
        if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported():
            return torch.bfloat16
    return torch.float32


def load_network(
    folder: Path, *, dtype: Any = None, fast: bool = True, device: Any = None
) -> FrozenDecoder:
    """The base model of a folder in Hugging Face layout, frozen.

    Args:
        folder: From `tunewell.model.weights.resolve`.
        dtype: Type to compute in; `best_type` if None.
        fast: Whether our own layers may be used where they fit.
        device: Where to compute; `tunewell.train.lora.device.best_device` if None.

    Raises:
        ModelError: It is no decoder that we can cut.
    """
    try:
        from transformers import AutoModelForCausalLM
        from transformers.utils import logging
    except ImportError as error:
        raise MissingExtraError("train", needed_for="Training") from error
    _keep_memory()
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(folder),
            dtype=dtype or best_type(),
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"The model in '{folder}' cannot be loaded: {error}") from error
    finally:
        if bars:
            logging.enable_progress_bar()
    model.eval().requires_grad_(False).to(device or best_device())
    core = getattr(model, "model", None)
    if not all(hasattr(core, name) for name in ("layers", "norm", "rotary_emb", "embed_tokens")):
        from tunewell.train.lora.whole import WholeDecoder

        return WholeDecoder(model)
    return FastDecoder(model) if fast and is_plain(model.config) else HookedDecoder(model)


def _keep_memory() -> None:
    """Let freed memory stay with the process: each step asks for the same blocks again."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(
            -3, 32 << 20
        )  # M_MMAP_THRESHOLD: fresh pages cost more than the arithmetic on them
        libc.mallopt(-1, 1 << 30)  # M_TRIM_THRESHOLD


def release_memory() -> None:
    """Give back to the system (or to other processes on the GPU) what was kept.

    For the end of a training.
    """
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
