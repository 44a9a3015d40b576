"""Causal attention with rotary positions, and its gradient."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx

from tunewell.train.lora.device import far
from tunewell.train.lora.fused import FusedKernels, array, fused
from tunewell.train.lora.fused_kernels import LANES
from tunewell.train.lora.kernels import Gradients

FORBIDDEN = -3e4
"""Added to the score of a place that is ahead: its weight is zero, also in bf16."""


def attention(
    both: Tensor,
    cos: Tensor,
    sin: Tensor,
    few: int,
    *,
    scale: float,
) -> Tensor:
    """Causal attention of right-padded rows.

    Padding comes after every real token, which never looks ahead.

    PyTorch's own backward pass on a processor costs six times this one (bf16, 128 tokens); its
    forward pass is the faster one and is used where no gradient is needed. On a GPU both are
    PyTorch's (flash attention in bf16).

    Args:
        both: Queries, then keys, then values, not turned yet: shape (rows, tokens, heads + 2 few,
            width).
        cos: Of the rotary positions, shape (tokens, width / 2).
        sin: As ``cos``.
        few: Key heads; heads is a multiple of it.
        scale: Usually ``width ** -0.5``.

    Returns:
        Shape (rows, tokens, heads * width).
    """
    if far(both.device):
        return _by_pytorch(both, cos, sin, few, scale=scale)

    rows, tokens, count, width = both.shape
    groups = count // few - 2
    q, k, v = _heads(both, cos, sin, few)
    if torch.is_grad_enabled() and both.requires_grad:
        out = _Attention.apply(q, k, v, tokens, scale)
    else:
        by_head = q.view(rows * few, groups, tokens, width)
        # Every query head of a group sees the group's one key head; nothing is copied.
        keys = k[:, None, :tokens].expand(-1, groups, -1, -1)
        values = v[:, None, :tokens].expand(-1, groups, -1, -1)
        out = F.scaled_dot_product_attention(by_head, keys, values, is_causal=True, scale=scale)
    by_row = out.reshape(rows, few, groups, tokens, width).permute(0, 3, 1, 2, 4)
    return by_row.reshape(rows, tokens, -1)


def _by_pytorch(
    both: Tensor,
    cos: Tensor,
    sin: Tensor,
    few: int,
    *,
    scale: float,
) -> Tensor:
    """The whole of it in PyTorch's own operations, as a GPU wants it."""
    rows, tokens, count, _ = both.shape
    groups = count // few - 2
    q, k, v = (t.transpose(1, 2) for t in _turned(both, cos, sin, few))
    if groups > 1:
        k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)
    return out.transpose(1, 2).reshape(rows, tokens, -1)


def causal_mask(tokens: int, like: Tensor) -> Tensor:
    """0 where a token may look, a very negative number elsewhere, shape (1, tokens, tokens)."""
    ahead = torch.ones(tokens, tokens, dtype=torch.bool, device=like.device).triu(1)
    mask = torch.zeros(1, tokens, tokens, dtype=like.dtype, device=like.device)
    return mask.masked_fill_(ahead, FORBIDDEN)


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        tokens: int,
        scale: float,
    ) -> Tensor:
        run = fused(q)
        if run is None:
            mask = causal_mask(tokens, q).repeat(1, q.shape[1] // tokens, 1)
            scores = torch.baddbmm(mask, q, k.transpose(1, 2), alpha=scale)
            weights = torch.softmax(scores, -1)
        else:
            weights = torch.bmm(q, k.transpose(1, 2))
            run.softmax(array(weights), tokens, scale)
        ctx.save_for_backward(q, k, v, weights)
        ctx.tokens = tokens
        ctx.scale = scale
        return torch.bmm(weights, v)

    @staticmethod
    def backward(ctx: FunctionCtx, grad: Tensor) -> Gradients:
        q, k, v, weights = ctx.saved_tensors
        d_v = torch.bmm(weights.transpose(1, 2), grad)
        d_scores = torch.bmm(grad, v.transpose(1, 2))
        run = fused(q)
        if run is None:
            softmax_back = torch.ops.aten._softmax_backward_data
            d_scores = softmax_back(d_scores, weights, -1, weights.dtype).mul_(ctx.scale)
        else:
            run.softmax_back(array(weights), array(d_scores), ctx.tokens, ctx.scale)
        d_q = torch.bmm(d_scores, k)
        d_k = torch.bmm(d_scores.transpose(1, 2), q)
        return d_q, d_k, d_v, None, None


# --- heads and their positions --------------------------------------------------------------------


def _heads(
    both: Tensor,
    cos: Tensor,
    sin: Tensor,
    few: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """One block for each key head, the query heads that share it one below the other.

    Keys are never repeated.

    Gives turned queries (rows * few, heads / few * tokens, width), turned keys and values (rows *
    few, places, width). Places are the tokens; compiled kernels add zeros up to a multiple of
    `tunewell.train.lora.fused.LANES`.
    """
    run = fused(both)
    if run is not None:
        return _Heads.apply(run, both, cos, sin, few)

    rows, tokens, count, width = both.shape
    groups = count // few - 2
    q, k, v = _turned(both, cos, sin, few)
    by_group = q.view(rows, tokens, few, groups, width).permute(0, 2, 3, 1, 4)
    tall = by_group.reshape(rows * few, groups * tokens, width)
    keys = k.transpose(1, 2).reshape(rows * few, tokens, width)
    values = v.transpose(1, 2).reshape(rows * few, tokens, width)
    return tall, keys, values


class _Heads(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx,
        run: FusedKernels,
        both: Tensor,
        cos: Tensor,
        sin: Tensor,
        few: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        rows, tokens, count, width = both.shape
        groups = count // few - 2
        places = tokens + -tokens % LANES
        q = both.new_empty(rows * few, groups * tokens, width)
        k = both.new_zeros(rows * few, places, width)
        v = both.new_zeros(rows * few, places, width)
        run.heads(*(array(t) for t in (both, cos, sin, q, k, v)))
        ctx.save_for_backward(cos, sin)
        ctx.run = run
        ctx.shape = both.shape
        return q, k, v

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> Gradients:
        out = grads[0].new_empty(ctx.shape)
        ctx.run.heads_back(*(array(t) for t in (out, *ctx.saved_tensors, *grads)))
        return None, out, None, None, None


def _turned(
    both: Tensor,
    cos: Tensor,
    sin: Tensor,
    few: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries and keys turned by their positions, and the values."""
    queries = both.shape[2] - 2 * few
    q, k, v = both.split([queries, few, few], 2)
    cos, sin = cos[:, None], sin[:, None]
    return rope(q, cos, sin), rope(k, cos, sin), v


def rope(
    x: Tensor,
    cos: Tensor,
    sin: Tensor,
) -> Tensor:
    """Rotary positions (Su and others 2021).

    Args:
        x: Shape (…, tokens, heads, width).
        cos: Shape (tokens, 1, width / 2).
        sin: As ``cos``.
    """
    return _Rope.apply(x, cos, sin)


class _Rope(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx,
        x: Tensor,
        cos: Tensor,
        sin: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _rotate(x, cos, sin)

    @staticmethod
    def backward(ctx: FunctionCtx, grad: Tensor) -> Gradients:
        cos, sin = ctx.saved_tensors
        return _rotate(grad, cos, -sin), None, None


def _rotate(
    x: Tensor,
    cos: Tensor,
    sin: Tensor,
) -> Tensor:
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    half = x.shape[-1] // 2
    left, right = x[..., :half], x[..., half:]
    torch.mul(left, cos, out=out[..., :half])
    out[..., :half].addcmul_(right, sin, value=-1)
    torch.mul(right, cos, out=out[..., half:])
    out[..., half:].addcmul_(left, sin)
    return out
