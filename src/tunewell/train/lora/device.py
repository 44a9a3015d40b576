"""What differs between a processor and a GPU: where tensors are, how they get there, how much fits.

On a GPU the processor only hands out work. Whatever makes it wait for a result stands once a batch
at most, never once a row or a layer; `tests.train.accelerator` counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from tunewell.types import digest

PROCESSOR_TOKENS: Final = 2048
"""Most tokens of one forward and backward pass on a processor, all adapters together."""

GPU_TOKENS: Final = (1024, 32_768)
"""The same on a GPU: least and most; between them what memory allows."""


def far(device: torch.device) -> bool:
    """Whether a device computes beside the processor, with memory of its own."""
    return bool(device.type != "cpu")


def send(values: torch.Tensor | NDArray[np.generic], device: torch.device) -> torch.Tensor:
    """An array or tensor, on a device; one that is there already as it is.

    The processor does not wait for the copy.
    """
    tensor = torch.from_numpy(values) if isinstance(values, np.ndarray) else values
    if device.type == "cuda" and not far(tensor.device):
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def uniform(
    key: Sequence[int],
    shape: Sequence[int],
    device: torch.device,
) -> torch.Tensor:
    """Numbers in [0, 1), fp32, that the key alone decides on one kind of device.

    They are drawn there, not sent.
    """
    if device.type == "cuda":
        seed = int(digest(list(key))[:15], 16)
        generator = torch.Generator(device).manual_seed(seed)
        return torch.rand(*shape, generator=generator, device=device)
    drawn = np.random.default_rng(tuple(key)).random(tuple(shape), np.float32)
    return send(drawn, device)


def free_bytes(device: torch.device) -> float:
    """Memory that a GPU has left for us, what PyTorch keeps for reuse included.

    No limit elsewhere.
    """
    if device.type != "cuda":
        return math.inf
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    free, _ = torch.cuda.mem_get_info(device)
    return float(free + kept)


def finish(device: torch.device) -> None:
    """Wait until a device has done all it was given: before the clock is read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def pass_tokens(device: torch.device, bytes_per_token: int) -> int:
    """How many tokens one forward and backward pass may hold, all adapters together.

    Args:
        device: Where.
        bytes_per_token: Kept for the gradients; half of the free memory is theirs.

    Example:
        >>> pass_tokens(torch.device("cpu"), 4_000_000)
        2048
    """
    if not far(device):
        return PROCESSOR_TOKENS
    least, most = GPU_TOKENS
    room = free_bytes(device) / 2 / max(1, bytes_per_token)
    return int(min(most, max(least, room)))
