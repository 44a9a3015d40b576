"""Our linear map in the place of one of transformers': frozen, with adapters beside it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from tunewell.train.lora.bank import Bank, SiteGroup
from tunewell.train.lora.kernels import lora


class BankLinear(torch.nn.Module):
    """A frozen linear of someone else's layer, with our adapters where a bank is at work.

    Args:
        linear: The frozen map.
        transposed: Whether its weight is (inputs, outputs).
        copied: Whether the output is handed on as a copy, for layers that change it in place.
    """

    def __init__(
        self,
        linear: torch.nn.Module,
        *,
        transposed: bool = False,
        copied: bool = False,
    ) -> None:
        super().__init__()
        self._copied = copied
        self.weight = linear.weight.t() if transposed else linear.weight
        self.bias = linear.bias
        self.group: SiteGroup | None = None

    def forward(self, x: Tensor) -> Tensor:
        """See `torch.nn.Linear`."""
        group = self.group
        if group is None:
            return torch.nn.functional.linear(x, self.weight, self.bias)
        by_adapter = x.reshape(len(group.a), -1, x.shape[-1])
        out = lora(by_adapter, self.weight, self.bias, group.a, group.b, group.mask)
        out = out.view(*x.shape[:-1], -1)
        return out.clone() if self._copied else out


def put_to_work(linears: Mapping[str, BankLinear], bank: Bank | None) -> None:
    """Let a bank's adapters be the ones in use (None = the base alone).

    Args:
        linears: By the names of their sites.
        bank: Each of its groups is one map.
    """
    groups = {group.sites[0].name: group for group in bank.groups} if bank else {}
    for name, linear in linears.items():
        linear.group = groups.get(name)
