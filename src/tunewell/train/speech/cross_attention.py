"""Attention to recordings: keys and values are frozen, and shared by all rows of one recording."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

KeysAndValues = tuple[Tensor, Tensor]
"""Of one recording in one layer, both of shape (heads, positions, width of a head)."""

Heard = tuple[KeysAndValues, ...]
"""Of one recording, in every layer."""


def attend(queries: Tensor, heard: Sequence[KeysAndValues]) -> Tensor:
    """Attention of every row to its own recording.

    Rows of one recording go together, and nothing is copied. No gradient for keys and values.

    Args:
        queries: Shape (rows, heads, tokens, width of a head).
        heard: Of the recording of each row; rows of one recording hold the same tensors.

    Returns:
        Shape (rows, heads, tokens, width of a head).
    """
    return _Attend.apply(queries, heard)


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, queries: Tensor, heard: Sequence[KeysAndValues]) -> Tensor:
        ctx.heard = heard
        ctx.shares = []
        ctx.save_for_backward(queries)
        out = torch.empty_like(queries)
        for rows, (keys, values) in _by_recording(heard):
            shares = _shares(queries[rows], keys)
            out[rows] = _by_row(shares @ values, len(rows))
            ctx.shares.append(shares if ctx.needs_input_grad[0] else None)
        return out

    @staticmethod
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, None]:
        (queries,) = ctx.saved_tensors
        out = torch.empty_like(queries)
        scale = queries.shape[-1] ** -0.5
        kept = zip(_by_recording(ctx.heard), ctx.shares, strict=True)
        for (rows, (keys, values)), shares in kept:
            slopes = _by_head(grad[rows]) @ values.transpose(1, 2)
            # The gradient of a softmax: what a share gains is taken from the others.
            slopes.sub_((slopes * shares).sum(-1, keepdim=True)).mul_(shares)
            out[rows] = _by_row(slopes @ keys, len(rows)).mul_(scale)
        return out, None


def _by_recording(heard: Sequence[KeysAndValues]) -> list[tuple[list[int], KeysAndValues]]:
    """The rows of each recording, and its keys and values."""
    found: dict[int, list[int]] = {}
    for row, (keys, _) in enumerate(heard):
        found.setdefault(id(keys), []).append(row)
    return [(rows, heard[rows[0]]) for rows in found.values()]


def _shares(queries: Tensor, keys: Tensor) -> Tensor:
    """How much each token attends to each position, shape (heads, rows * tokens, positions)."""
    scaled = _by_head(queries) * queries.shape[-1] ** -0.5
    return torch.softmax(scaled @ keys.transpose(1, 2), -1)


def _by_head(states: Tensor) -> Tensor:
    """From (rows, heads, tokens, few) to (heads, rows * tokens, few)."""
    return states.transpose(0, 1).flatten(1, 2)


def _by_row(states: Tensor, rows: int) -> Tensor:
    """From (heads, rows * tokens, few) to (rows, heads, tokens, few)."""
    return states.unflatten(1, (rows, -1)).transpose(0, 1)
