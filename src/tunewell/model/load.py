"""The weights of a base model, loaded in one place, by one rule for the device and the type.

The device is the first GPU that this process sees, else the processor. The type is bf16 where the
device multiplies it natively (2-3 times as fast as fp32), else fp32: training and evaluation then
see the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tunewell.errors import MissingExtraError, ModelError

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel


def best_device() -> torch.device:
    """The first GPU that this process sees, else the processor.

    ``CUDA_VISIBLE_DEVICES`` says which GPU that is.
    """
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda", 0)
    return torch.device("cpu")


def best_type(device: torch.device) -> torch.dtype:
    """bf16 where a device has instructions for it, else fp32."""
    import torch

    native = False
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        # PyTorch's own questions are not public: a release may drop them.
        with suppress(AttributeError, RuntimeError):
            native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if native else torch.float32


def load_model(
    folder: Path,
    *,
    name: str = "",
    dtype: torch.dtype | str | None = None,
    device: torch.device | str | None = None,
    config: PretrainedConfig | None = None,
) -> PreTrainedModel:
    """A causal language model of a folder in Hugging Face layout.

    Frozen, in eval mode, in its place.

    Args:
        folder: From `tunewell.model.weights.resolve`.
        name: What messages call it; the folder's path if empty.
        dtype: Type to compute in, as torch names it; `best_type` if None.
        device: Where to compute; `best_device` if None.
        config: Instead of the folder's own.

    Raises:
        MissingExtraError: The extra ``train`` is not installed.
        ModelError: transformers cannot load it.
    """
    called = f"'{name}' in '{folder}'" if name else f"in '{folder}'"
    try:
        import torch
        from transformers import AutoModelForCausalLM
    except ImportError as error:
        purpose = f"Running '{name or folder}' on this machine"
        raise MissingExtraError("train", needed_for=purpose) from error

    place = best_device() if device is None else torch.device(device)
    kind = getattr(torch, dtype) if isinstance(dtype, str) else dtype
    own = {} if config is None else {"config": config}
    with no_progress_bars():
        try:
            model = AutoModelForCausalLM.from_pretrained(
                str(folder),
                dtype=kind or best_type(place),
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                **own,
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelError(f"The model {called} cannot be loaded: {error}") from error
    return model.eval().requires_grad_(False).to(place)


@contextmanager
def no_progress_bars() -> Iterator[None]:
    """Without transformers' own bars; they are as they were afterwards."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
