"""The inner operations of training, with their gradients written out.

The base model is frozen, so no gradient of its weights is ever computed; what autograd would keep and recompute on its
own is kept once here. All functions work in the type of their input (bf16 where the processor has it) and accumulate
sums in fp32.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch.nn.functional as F

from tunewell.train.device import far

VOCABULARY_BYTES = {False: 16 << 20, True: 256 << 20}
"""Size of one block of logits, on the processor and on a GPU: large enough for the matrix product, small enough for the
allocator to keep it."""


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any, eps: float) -> Any:
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
        scale = torch.rsqrt(norm.square_().div_(x.shape[-1]).add_(eps))
        unit = (x * scale).to(x.dtype)
        ctx.save_for_backward(unit, weight, scale)
        return unit * weight

    @staticmethod
    def backward(ctx: Any, grad: Any) -> tuple[Any, ...]:
        unit, weight, scale = ctx.saved_tensors
        inner = grad * weight
        dot = (inner * unit).mean(-1, keepdim=True)
        return inner.addcmul_(unit, dot, value=-1).mul_(scale.to(inner.dtype)), None, None


def rms_norm(x: Any, weight: Any, eps: float) -> Any:
    """Root-mean-square normalisation over the last axis, as Llama writes it; no gradient for the weight."""
    if far(x.device):
        return F.rms_norm(x, weight.shape, weight, eps)  # one kernel there, and one backwards
    return _Norm.apply(x, weight, eps)


class _SwiGlu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, both: Any) -> Any:
        ctx.save_for_backward(both)
        gate, up = both.chunk(2, -1)
        return F.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (both,) = ctx.saved_tensors
        gate, up = both.chunk(2, -1)
        out = torch.empty_like(both)
        d_gate, d_up = out.chunk(2, -1)
        torch.mul(grad, F.silu(gate), out=d_up)
        d_gate.copy_(torch.ops.aten.silu_backward(grad * up, gate))
        return out


def swiglu(both: Any) -> Any:
    """``silu(gate) * up`` where the last axis holds gate, then up."""
    if both.is_cuda and (liger := _liger()):
        return by_liger(both, liger)
    return _SwiGlu.apply(both)


@functools.cache
def _liger() -> Any:
    """Liger's SwiGLU over gates and ups side by side, where Liger is installed: one kernel each way instead of five."""
    try:
        from liger_kernel.ops.swiglu import LigerFusedGateUpSiLUMulFunction
    except ImportError:
        return None
    return LigerFusedGateUpSiLUMulFunction


def by_liger(both: Any, liger: Any) -> Any:
    """`swiglu` through Liger's function, which takes rows of one matrix."""
    return liger.apply(both.reshape(-1, both.shape[-1])).view(*both.shape[:-1], -1)


class _Rope(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any, cos: Any, sin: Any) -> Any:
        ctx.save_for_backward(cos, sin)
        return _rotate(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> tuple[Any, ...]:
        cos, sin = ctx.saved_tensors
        return _rotate(grad, cos, -sin), None, None


def _rotate(x: Any, cos: Any, sin: Any) -> Any:
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    half = x.shape[-1] // 2
    left, right = x[..., :half], x[..., half:]
    torch.mul(left, cos, out=out[..., :half])
    out[..., :half].addcmul_(right, sin, value=-1)
    torch.mul(right, cos, out=out[..., half:])
    out[..., half:].addcmul_(left, sin)
    return out


def rope(x: Any, cos: Any, sin: Any) -> Any:
    """Rotary positions: x of shape (…, tokens, heads, width), cos and sin of shape (tokens, 1, width / 2)."""
    return _Rope.apply(x, cos, sin)


class _Lora(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any, bias: Any, a: Any, b: Any, mask: Any) -> Any:
        k, n, inputs = x.shape
        out = F.linear(x.reshape(k * n, -1), weight, bias).view(k, n, -1)
        # With dropout every row has an A of its own: rows stand where adapters stand without it.
        own = a if mask is None else (a[:, None] * mask[:, :, None]).flatten(0, 1)
        low = torch.bmm(x.reshape(len(own), -1, inputs), own.transpose(1, 2)).view(k, n, -1)
        ctx.save_for_backward(x, weight, own, b, low, mask)
        return out.baddbmm_(low, b)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> tuple[Any, ...]:
        x, weight, own, b, low, mask = ctx.saved_tensors
        k, n, inputs = x.shape
        d_low = torch.bmm(grad, b.transpose(1, 2))
        d_b = torch.bmm(low.transpose(1, 2), grad)
        rows = len(own)
        d_a = torch.bmm(d_low.view(rows, -1, own.shape[1]).transpose(1, 2), x.reshape(rows, -1, inputs))
        if mask is not None:
            d_a = d_a.view(k, -1, *d_a.shape[1:]).mul_(mask[:, :, None]).sum(1)
        if not ctx.needs_input_grad[0]:
            return None, None, None, d_a, d_b, None
        d_x = (grad.reshape(k * n, -1) @ weight).view(rows, -1, inputs)
        d_x.baddbmm_(d_low.view(rows, -1, own.shape[1]), own)
        return d_x.view(k, n, inputs), None, None, d_a, d_b, None


def lora(x: Any, weight: Any, bias: Any, a: Any, b: Any, mask: Any = None) -> Any:
    """``x W' + bias + (x A') B`` for K adapters over one frozen map.

    The frozen map may be several maps of the same input, one above the other; then A holds their A's likewise and B
    is zero outside its blocks: one product instead of three costs less than the zeros.

    Args:
        x: Inputs, shape (K, n, inputs).
        weight: Frozen, shape (outputs, inputs).
        bias: Frozen, shape (outputs,), or None.
        a: Shape (K, rank * adapted maps, inputs).
        b: Shape (K, rank * adapted maps, outputs), alpha / rank included.
        mask: Dropout on the inputs of A, one for each of the rows whose tokens stand one after the other in x:
            shape (K, rows, inputs), n a multiple of rows; None = no dropout.

    Returns:
        Shape (K, n, outputs).
    """
    return _Lora.apply(x, weight, bias, a, b, mask)


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Any, head: Any, labels: Any, weights: Any, smoothing: float, cap: float) -> Any:
        nats = torch.empty(len(labels), dtype=torch.float32, device=hidden.device)
        d_hidden = torch.empty_like(hidden)
        rows = max(16, VOCABULARY_BYTES[far(head.device)] // (head.shape[0] * head.element_size()))
        for start in range(0, len(labels), rows):
            part = slice(start, start + rows)
            logits, slope = _logits(hidden[part], head, cap)
            y = labels[part, None]
            logp = torch.log_softmax(logits, -1)
            nats[part] = -logp.gather(1, y)[:, 0].float()
            grad = logp.exp_()
            if smoothing:
                grad.sub_(smoothing / grad.shape[1])
            grad.scatter_add_(1, y, torch.full_like(y, smoothing - 1.0, dtype=grad.dtype))
            if slope is not None:
                grad.mul_(slope)
            d_hidden[part] = (grad @ head).mul_(weights[part, None].to(grad.dtype))
        ctx.save_for_backward(d_hidden)
        ctx.mark_non_differentiable(nats)
        return (nats * weights).sum(), nats

    @staticmethod
    def backward(ctx: Any, grad: Any, _: Any) -> tuple[Any, ...]:
        (d_hidden,) = ctx.saved_tensors
        return d_hidden.mul_(grad.to(d_hidden.dtype)), None, None, None, None, None


def _logits(hidden: Any, head: Any, cap: float) -> tuple[Any, Any]:
    logits = hidden @ head.T
    if not cap:
        return logits, None
    squashed = torch.tanh(logits / cap)
    return squashed * cap, 1 - squashed.square()


def cross_entropy(
    hidden: Any, head: Any, labels: Any, weights: Any, *, smoothing: float = 0.0, cap: float = 0.0
) -> tuple[Any, Any]:
    """Weighted sum of -log p(label), without ever holding all logits; and each -log p (no smoothing, no gradient).

    Args:
        hidden: Final states where there is a label, shape (labels, width).
        head: Output embedding, shape (vocabulary, width).
        labels: Shape (labels,).
        weights: Of each label in the sum, shape (labels,), fp32.
        smoothing: Share of the gradient's target mass spread over all tokens.
        cap: Soft cap of the logits (Gemma 2); 0 = none.
    """
    return _CrossEntropy.apply(hidden, head, labels, weights, smoothing, cap)


@torch.no_grad()
def negative_log_likelihood(hidden: Any, head: Any, labels: Any, *, cap: float = 0.0) -> Any:
    """-log p of each label, shape (labels,), fp32; nothing is kept for gradients."""
    nats = torch.empty(len(labels), dtype=torch.float32, device=hidden.device)
    rows = max(16, VOCABULARY_BYTES[far(head.device)] // (head.shape[0] * head.element_size()))
    for start in range(0, len(labels), rows):
        part = slice(start, start + rows)
        logits, _ = _logits(hidden[part], head, cap)
        nats[part] = -torch.log_softmax(logits, -1).gather(1, labels[part, None])[:, 0].float()
    return nats


@torch.no_grad()
def greedy_hits(hidden: Any, head: Any, labels: Any, *, cap: float = 0.0) -> Any:
    """Whether each label is the most probable token, shape (labels,); arguments as `negative_log_likelihood`."""
    hits = torch.empty(len(labels), dtype=torch.bool, device=hidden.device)
    rows = max(16, VOCABULARY_BYTES[far(head.device)] // (head.shape[0] * head.element_size()))
    for start in range(0, len(labels), rows):
        part = slice(start, start + rows)
        logits, _ = _logits(hidden[part], head, cap)
        hits[part] = logits.max(-1).indices == labels[part]
    return hits


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Any, k: Any, v: Any, mask: Any, scale: float) -> Any:
        weights = torch.softmax(torch.baddbmm(mask, q, k.transpose(1, 2), alpha=scale), -1)
        ctx.save_for_backward(q, k, v, weights)
        ctx.scale = scale
        return torch.bmm(weights, v)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> tuple[Any, ...]:
        q, k, v, weights = ctx.saved_tensors
        d_v = torch.bmm(weights.transpose(1, 2), grad)
        d_weights = torch.bmm(grad, v.transpose(1, 2))
        d_scores = torch.ops.aten._softmax_backward_data(d_weights, weights, -1, weights.dtype).mul_(ctx.scale)
        return torch.bmm(d_scores, k), torch.bmm(d_scores.transpose(1, 2), q), d_v, None, None


def causal_mask(tokens: int, like: Any, *, window: int = 0) -> Any:
    """0 where a token may look, a very negative number elsewhere, shape (1, tokens, tokens)."""
    ahead = torch.ones(tokens, tokens, dtype=torch.bool, device=like.device).triu(1)
    if window:
        ahead |= torch.ones_like(ahead).tril(-window)
    return torch.zeros(1, tokens, tokens, dtype=like.dtype, device=like.device).masked_fill_(ahead, -3e4)


def attention(q: Any, k: Any, v: Any, mask: Any, *, scale: float) -> Any:
    """Causal attention of right-padded rows: padding comes after every real token, which never looks ahead.

    PyTorch's own backward pass on a processor costs six times this one (bf16, 128 tokens); its forward pass is the
    faster one and is used where no gradient is needed. On a GPU both are PyTorch's (flash attention in bf16).

    Args:
        q: Shape (rows, tokens, heads, width).
        k: Shape (rows, tokens, key heads, width); heads is a multiple of key heads.
        v: As ``k``.
        mask: From `causal_mask`.
        scale: Usually ``width ** -0.5``.

    Returns:
        Shape (rows, tokens, heads, width).
    """
    rows, tokens, heads, width = q.shape
    few = k.shape[2]
    groups = heads // few
    if far(q.device) or not (torch.is_grad_enabled() and (q.requires_grad or k.requires_grad)):
        wide = [t.transpose(1, 2).repeat_interleave(groups, 1) if groups > 1 else t.transpose(1, 2) for t in (k, v)]
        out = F.scaled_dot_product_attention(q.transpose(1, 2), wide[0], wide[1], is_causal=True, scale=scale)
        return out.transpose(1, 2)
    # Query heads that share a key head stand one below the other, so that keys and values are never repeated.
    tall = q.view(rows, tokens, few, groups, width).permute(0, 2, 3, 1, 4).reshape(rows * few, groups * tokens, width)
    keys, values = (t.transpose(1, 2).reshape(rows * few, tokens, width) for t in (k, v))
    out = _Attention.apply(tall, keys, values, mask.repeat(1, groups, 1), scale)
    return out.view(rows, few, groups, tokens, width).permute(0, 3, 1, 2, 4).reshape(rows, tokens, heads, width)
