"""A pretend accelerator.

Tensors that claim another device, hold real numbers, and refuse to meet the processor's.

No GPU is needed to see where code would fail on one: under `accelerator` whatever is put on
`DEVICE` computes as always, but an operation that mixes the two sides raises as CUDA would,
``.numpy()`` of the far side raises, and every read of a value that would wait for the device is
counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = "meta"
"""The one device besides the processor that every build of PyTorch can differentiate on."""

WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "_unique2", "equal")
"""Operations whose result the processor must have before it can go on."""


class Far(torch.Tensor):  # type: ignore[misc]
    """A tensor on the pretend device; its numbers are in ``near``."""

    near: torch.Tensor

    @staticmethod
    def __new__(cls: type[Far], near: torch.Tensor) -> Far:
        made: Far = torch.Tensor._make_wrapper_subclass(
            cls,
            near.size(),
            strides=near.stride(),
            storage_offset=near.storage_offset(),
            dtype=near.dtype,
            device=DEVICE,
        )
        made.near = near
        return made

    def tolist(self) -> Any:
        """The numbers: one wait for the device."""
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError(f"{func} outside the accelerator")


class MixedDevicesError(RuntimeError):
    """What CUDA raises as 'Expected all tensors to be on the same device'."""


class Accelerator(TorchDispatchMode):  # type: ignore[misc]
    """The pretend device at work.

    Attributes:
        waits: How often the processor had to wait for the device, by operation (copies to the
            processor included).
        sent: Copies from the processor to the device.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()
        self.sent = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        leaves, _ = tree_flatten((args, kwargs))
        tensors = [t for t in leaves if isinstance(t, torch.Tensor)]
        far = any(isinstance(t, Far) for t in tensors)
        name = func.overloadpacket.__name__
        places = [kwargs.get("device"), *(a for a in args if isinstance(a, torch.device))]
        place = next((p for p in places if p is not None), None)
        to_far = far if place is None else torch.device(place).type == DEVICE
        if name in ("_to_copy", "to", "copy_"):
            self._count_copy(name, args, far, to_far)
        else:
            if far and any(not isinstance(t, Far) and t.dim() for t in tensors):
                raise MixedDevicesError(
                    f"{func}: {[(tuple(t.shape), t.device.type) for t in tensors]}"
                )
            if far and name in WAITS:
                self.waits[name] += 1
        if kwargs.get("device") is not None:
            kwargs["device"] = torch.device("cpu")
        args = tuple(torch.device("cpu") if isinstance(a, torch.device) else a for a in args)
        near_args, near_kwargs = tree_map(
            lambda t: t.near if isinstance(t, Far) else t, (args, kwargs)
        )
        out = func(*near_args, **near_kwargs)
        written = [
            i
            for i, a in enumerate(func._schema.arguments)
            if a.alias_info and a.alias_info.is_write
        ]
        if written and func._schema.returns:
            named = {a.name: kwargs.get(a.name) for a in func._schema.arguments}
            own = [
                args[i] if i < len(args) else named[func._schema.arguments[i].name] for i in written
            ]
            return own[0] if len(func._schema.returns) == 1 else tuple(own)
        return (
            tree_map(lambda t: Far(t) if isinstance(t, torch.Tensor) else t, out) if to_far else out
        )

    def _count_copy(self, name: str, args: Any, far: bool, to_far: bool) -> None:
        from_far = isinstance(args[1 if name == "copy_" else 0], Far)
        to_far = isinstance(args[0], Far) if name == "copy_" else to_far
        if from_far and not to_far:
            self.waits["copy"] += 1
        self.sent += to_far and not from_far


@contextmanager
def accelerator() -> Iterator[Accelerator]:
    """The pretend device, with a fused optimiser and mixed precision as CUDA has them."""
    usual = torch.tensor

    def tensor(data: Any, *, device: Any = None, **how: Any) -> Any:
        """Numbers that are made on the processor and sent.

        PyTorch leaves them out for this device.
        """
        return usual(data, **how).to(device) if device is not None else usual(data, **how)

    from transformers import PreTrainedModel

    load = PreTrainedModel.from_pretrained.__func__

    def from_pretrained(cls: Any, *args: Any, **how: Any) -> Any:
        """Weights are read on the processor.

        Transformers uses this device's name for a model without any.
        """
        with _disable_current_modes():
            return load(cls, *args, **how)

    devices: Callable[[], list[str]] = lambda: ["cpu", DEVICE]  # noqa: E731
    with (
        mock.patch.object(PreTrainedModel, "from_pretrained", classmethod(from_pretrained)),
        mock.patch("torch.optim.optimizer._get_fused_kernels_supported_devices", devices),
        mock.patch("torch.tensor", tensor),
        Accelerator() as mode,
    ):
        yield mode
