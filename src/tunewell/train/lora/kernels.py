"""The inner operations of training, with their gradients written out.

The base model is frozen, so no gradient of its weights is ever computed; what autograd would keep
and recompute on its own is kept once here. All functions work in the type of their input (bf16
where the processor has it) and accumulate sums in fp32. On a processor the elementwise ones go
through `tunewell.train.lora.fused` where Numba is there; what stands here beside it computes the same in
PyTorch.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch.nn.functional as F

from tunewell.train.lora.device import far
from tunewell.train.lora.fused import LANES, array, fused

VOCABULARY_BYTES = {False: (32 << 20) - (1 << 16), True: 256 << 20}
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
    """Root-mean-square normalisation over the last axis, as Llama writes it.

    No gradient for the weight.
    """
    if far(x.device):
        return F.rms_norm(x, weight.shape, weight, eps)  # one kernel there, and one backwards
    return _FusedNorm.apply(x, None, weight, eps) if fused(x) else _Norm.apply(x, weight, eps)


class _FusedNorm(torch.autograd.Function):
    """Of x, or of x + y, which is then given too."""

    @staticmethod
    def forward(ctx: Any, x: Any, y: Any, weight: Any, eps: float) -> Any:
        ctx.set_materialize_grads(False)
        run, flat = fused(x), x.reshape(-1, x.shape[-1])
        scale = torch.empty(len(flat), dtype=torch.float32)
        out = torch.empty_like(flat)
        if y is None:
            both = flat
            run.norm(array(flat), array(weight), eps, array(out), array(scale))
        else:
            both = torch.empty_like(flat)
            run.add_norm(
                array(flat),
                array(y.reshape(flat.shape)),
                array(weight),
                eps,
                array(both),
                array(out),
                array(scale),
            )
        ctx.save_for_backward(both, weight, scale)
        ctx.added = y is not None
        return (both.view(x.shape), out.view(x.shape)) if ctx.added else out.view(x.shape)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        x, weight, scale = ctx.saved_tensors
        *more, grad = grads
        if grad is None:
            return more[0], more[0], None, None
        flat = grad.reshape(x.shape)
        other = more[0].reshape(x.shape) if more and more[0] is not None else x[:0, :0]
        out = torch.empty_like(x)
        fused(x).norm_back(
            array(x), array(weight), array(scale), array(flat), array(other), array(out)
        )
        out = out.view(grad.shape)
        return out, out if ctx.added else None, None, None


def add_norm(x: Any, y: Any, weight: Any, eps: float) -> tuple[Any, Any]:
    """``x + y`` and its `rms_norm`; y may be None."""
    if y is None:
        return x, rms_norm(x, weight, eps)
    if fused(x):
        return _FusedNorm.apply(x, y, weight, eps)
    both = x + y
    return both, rms_norm(both, weight, eps)


class _SwiGlu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, both: Any) -> Any:
        ctx.save_for_backward(both)
        gate, up = both.chunk(2, -1)
        if run := fused(both):
            made = torch.empty(gate.shape, dtype=both.dtype)
            run.swiglu(*(array(t.view(-1, t.shape[-1])) for t in (both, made)))
            return made
        return F.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (both,) = ctx.saved_tensors
        gate, up = both.chunk(2, -1)
        out = torch.empty_like(both)
        if run := fused(both):
            run.swiglu_back(*(array(t.reshape(-1, t.shape[-1])) for t in (both, grad, out)))
            return out
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


class _Heads(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, both: Any, cos: Any, sin: Any, few: int, groups: int) -> Any:
        rows, tokens, _, width = ctx.shape = both.shape
        q = both.new_empty(rows * few, groups * tokens, width)
        k, v = (both.new_zeros(rows * few, tokens + -tokens % LANES, width) for _ in range(2))
        fused(both).heads(*(array(t) for t in (both, cos, sin, q, k, v)), False)
        ctx.save_for_backward(cos, sin)
        return q, k, v

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        out = grads[0].new_empty(ctx.shape)
        fused(out).heads(*(array(t) for t in (out, *ctx.saved_tensors, *grads)), True)
        return out, None, None, None, None


def _heads(both: Any, cos: Any, sin: Any, few: int) -> tuple[Any, Any, Any]:
    """One block for each key head, the query heads that share it one below the other: keys are never repeated.

    Gives turned queries (rows * few, heads / few * tokens, width), turned keys and values (rows *
    few, places, width). Places are the tokens; compiled kernels add zeros up to a multiple of
    `tunewell.train.lora.fused.LANES`.
    """
    rows, tokens, count, width = both.shape
    groups = count // few - 2
    if fused(both):
        return _Heads.apply(both, cos, sin, few, groups)
    q, k, v = _turned(both, cos, sin, few)
    tall = (
        q.view(rows, tokens, few, groups, width)
        .permute(0, 2, 3, 1, 4)
        .reshape(rows * few, groups * tokens, width)
    )
    k, v = (t.transpose(1, 2).reshape(rows * few, tokens, width) for t in (k, v))
    return tall, k, v


def _turned(both: Any, cos: Any, sin: Any, few: int) -> tuple[Any, Any, Any]:
    q, k, v = both.split([both.shape[2] - 2 * few, few, few], 2)
    return rope(q, cos[:, None], sin[:, None]), rope(k, cos[:, None], sin[:, None]), v


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
        d_a = torch.bmm(
            d_low.view(rows, -1, own.shape[1]).transpose(1, 2), x.reshape(rows, -1, inputs)
        )
        if mask is not None:
            d_a = d_a.view(k, -1, *d_a.shape[1:]).mul_(mask[:, :, None]).sum(1)
        if not ctx.needs_input_grad[0]:
            return None, None, None, d_a, d_b, None
        d_x = (grad.reshape(k * n, -1) @ weight).view(rows, -1, inputs)
        d_x.baddbmm_(d_low.view(rows, -1, own.shape[1]), own)
        return d_x.view(k, n, inputs), None, None, d_a, d_b, None


def lora(x: Any, weight: Any, bias: Any, a: Any, b: Any, mask: Any = None) -> Any:
    """``x W' + bias + (x A') B`` for K adapters over one frozen map.

    The frozen map may be several maps of the same input, one above the other; then A holds their
    A's likewise and B
    is zero outside its blocks: one product instead of three costs less than the zeros.

    Args:
        x: Inputs, shape (K, n, inputs).
        weight: Frozen, shape (outputs, inputs).
        bias: Frozen, shape (outputs,), or None.
        a: Shape (K, rank * adapted maps, inputs).
        b: Shape (K, rank * adapted maps, outputs), alpha / rank included.
        mask: Dropout on the inputs of A, one for each of the rows whose tokens stand one after the
            other in x: shape (K, rows, inputs), n a multiple of rows; None = no dropout.

    Returns:
        Shape (K, n, outputs).
    """
    return _Lora.apply(x, weight, bias, a, b, mask)


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Any, head: Any, labels: Any, weights: Any, smoothing: float, cap: float
    ) -> Any:
        nats = torch.empty(len(labels), dtype=torch.float32, device=hidden.device)
        d_hidden = torch.empty_like(hidden)
        rows = max(16, VOCABULARY_BYTES[far(head.device)] // (head.shape[0] * head.element_size()))
        for start in range(0, len(labels), rows):
            part = slice(start, start + rows)
            logits, slope = _logits(hidden[part], head, cap)
            if slope is None and (run := fused(logits)):
                run.cross_entropy(
                    array(logits), labels[part].numpy(), smoothing, nats[part].numpy()
                )
                d_hidden[part] = (logits @ head).mul_(weights[part, None].to(logits.dtype))
                continue
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
    """Weighted sum of -log p(label), without ever holding all logits.

    And each -log p (no smoothing, no gradient).

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
    """Whether each label is the most probable token, shape (labels,).

    Arguments as `negative_log_likelihood`.
    """
    hits = torch.empty(len(labels), dtype=torch.bool, device=hidden.device)
    rows = max(16, VOCABULARY_BYTES[far(head.device)] // (head.shape[0] * head.element_size()))
    for start in range(0, len(labels), rows):
        part = slice(start, start + rows)
        logits, _ = _logits(hidden[part], head, cap)
        hits[part] = logits.max(-1).indices == labels[part]
    return hits


class _Taken(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Any, places: Any) -> Any:
        ctx.save_for_backward(places)
        ctx.shape = states.shape
        return states.reshape(-1, states.shape[-1]).index_select(0, places.flatten())

    @staticmethod
    def backward(ctx: Any, grad: Any) -> tuple[Any, ...]:
        (places,) = ctx.saved_tensors
        out = grad.new_zeros(ctx.shape)
        out.view(-1, grad.shape[-1]).index_copy_(0, places.flatten(), grad)
        return out, None


def taken(states: Any, places: Any) -> Any:
    """The states of some tokens.

    Args:
        states: Shape (…, width).
        places: Different numbers of tokens, all axes but the last counted through; shape (K, rows,
            few).

    Returns:
        Shape (K, rows * few, width).
    """
    return _Taken.apply(states, places).view(len(places), -1, states.shape[-1])


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Any, k: Any, v: Any, tokens: int, scale: float) -> Any:
        if run := fused(q):
            weights = torch.bmm(q, k.transpose(1, 2))
            run.softmax(array(weights), tokens, scale)
        else:
            mask = causal_mask(tokens, q).repeat(1, q.shape[1] // tokens, 1)
            weights = torch.softmax(torch.baddbmm(mask, q, k.transpose(1, 2), alpha=scale), -1)
        ctx.save_for_backward(q, k, v, weights)
        ctx.tokens, ctx.scale = tokens, scale
        return torch.bmm(weights, v)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> tuple[Any, ...]:
        q, k, v, weights = ctx.saved_tensors
        d_v = torch.bmm(weights.transpose(1, 2), grad)
        d_scores = torch.bmm(grad, v.transpose(1, 2))
        if run := fused(q):
            run.softmax_back(array(weights), array(d_scores), ctx.tokens, ctx.scale)
        else:
            d_scores = torch.ops.aten._softmax_backward_data(
                d_scores, weights, -1, weights.dtype
            ).mul_(ctx.scale)
        return torch.bmm(d_scores, k), torch.bmm(d_scores.transpose(1, 2), q), d_v, None, None


def causal_mask(tokens: int, like: Any) -> Any:
    """0 where a token may look, a very negative number elsewhere, shape (1, tokens, tokens)."""
    ahead = torch.ones(tokens, tokens, dtype=torch.bool, device=like.device).triu(1)
    return torch.zeros(1, tokens, tokens, dtype=like.dtype, device=like.device).masked_fill_(
        ahead, -3e4
    )


def attention(both: Any, cos: Any, sin: Any, few: int, *, scale: float) -> Any:
    """Causal attention of right-padded rows: padding comes after every real token, which never looks ahead.

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
    rows, tokens, count, width = both.shape
    groups = count // few - 2
    if far(both.device):
        q, k, v = (t.transpose(1, 2) for t in _turned(both, cos, sin, few))
        k, v = (t.repeat_interleave(groups, 1) if groups > 1 else t for t in (k, v))
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)
        return out.transpose(1, 2).reshape(rows, tokens, -1)
    q, k, v = _heads(both, cos, sin, few)
    if torch.is_grad_enabled() and both.requires_grad:
        out = _Attention.apply(q, k, v, tokens, scale)
    else:
        keys, values = (t[:, None, :tokens].expand(-1, groups, -1, -1) for t in (k, v))
        by_head = q.view(rows * few, groups, tokens, width)
        out = F.scaled_dot_product_attention(by_head, keys, values, is_causal=True, scale=scale)
    return (
        out.reshape(rows, few, groups, tokens, width)
        .permute(0, 3, 1, 2, 4)
        .reshape(rows, tokens, -1)
    )
