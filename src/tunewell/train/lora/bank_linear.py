"""Our linear map in the place of one of transformers': frozen, with the adapters of a bank beside it."""

from __future__ import annotations

from typing import Any

import torch

from tunewell.train.lora.bank import Bank, SiteGroup
from tunewell.train.lora.kernels import lora


class BankLinear(torch.nn.Module):
    """A frozen linear of someone else's layer, with our adapters where a bank is at work.

    Args:
        linear: The frozen map.
        transposed: Whether its weight is (inputs, outputs).
        copied: Whether the output is handed on as a copy, for layers that change it in place.
    """

    def __init__(self, linear: Any, *, transposed: bool = False, copied: bool = False) -> None:
        super().__init__()
        self._copied = copied
        self.weight = linear.weight.t() if transposed else linear.weight
        self.bias = linear.bias
        self.work: tuple[Bank, SiteGroup] | None = None

    def forward(self, x: Any) -> Any:
        """See `torch.nn.Linear`."""
        if self.work is None:
            return torch.nn.functional.linear(x, self.weight, self.bias)
        bank, group = self.work
        flat = x.reshape(len(bank.adapters), -1, x.shape[-1])
        out = lora(flat, self.weight, self.bias, group.a, group.b, group.mask).view(
            *x.shape[:-1], -1
        )
        return out.clone() if self._copied else out
