"""The inner operations of a layer, with their gradients written out.

The base model is frozen, so no gradient of its weights is ever computed; what autograd would keep
and recompute on its own is kept once here. All functions work in the type of their input (bf16
where the processor has it) and accumulate sums in fp32. On a processor the elementwise ones go
through `tunewell.train.lora.fused` where Numba is there; what stands here beside it computes the
same in PyTorch.

Attention is in `tunewell.train.lora.attention`, the loss in `tunewell.train.lora.vocabulary`.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx

from tunewell.train.lora.device import far
from tunewell.train.lora.fused import FusedKernels, array, fused

Gradients = tuple[Tensor | None, ...]
"""One for each argument of ``forward``; None where there is none to be had."""


# --- normalisation --------------------------------------------------------------------------------


def rms_norm(
    x: Tensor,
    weight: Tensor,
    eps: float,
) -> Tensor:
    """Root-mean-square normalisation over the last axis, as Llama writes it.

    No gradient for the weight.
    """
    if far(x.device):
        # One kernel there, and one backwards.
        return F.rms_norm(x, weight.shape, weight, eps)
    run = fused(x)
    if run is None:
        return _Norm.apply(x, weight, eps)
    return _FusedNorm.apply(run, x, None, weight, eps)


def add_norm(
    x: Tensor,
    y: Tensor | None,
    weight: Tensor,
    eps: float,
) -> tuple[Tensor, Tensor]:
    """``x + y`` and its `rms_norm`; y may be None."""
    if y is None:
        return x, rms_norm(x, weight, eps)
    run = fused(x)
    if run is not None:
        return _FusedNorm.apply(run, x, y, weight, eps)
    both = x + y
    return both, rms_norm(both, weight, eps)


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx,
        x: Tensor,
        weight: Tensor,
        eps: float,
    ) -> Tensor:
        norm = torch.linalg.vector_norm(
            x,
            dim=-1,
            keepdim=True,
            dtype=torch.float32,
        )
        scale = torch.rsqrt(norm.square_().div_(x.shape[-1]).add_(eps))
        unit = (x * scale).to(x.dtype)
        ctx.save_for_backward(unit, weight, scale)
        return unit * weight

    @staticmethod
    def backward(ctx: FunctionCtx, grad: Tensor) -> Gradients:
        unit, weight, scale = ctx.saved_tensors
        inner = grad * weight
        dot = (inner * unit).mean(-1, keepdim=True)
        d_x = inner.addcmul_(unit, dot, value=-1).mul_(scale.to(inner.dtype))
        return d_x, None, None


class _FusedNorm(torch.autograd.Function):
    """Of x, or of x + y, which is then given too."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        run: FusedKernels,
        x: Tensor,
        y: Tensor | None,
        weight: Tensor,
        eps: float,
    ) -> Tensor | tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        flat = x.reshape(-1, x.shape[-1])
        scale = torch.empty(len(flat), dtype=torch.float32)
        out = torch.empty_like(flat)
        made = (array(out), array(scale))
        if y is None:
            both = flat
            run.norm(array(flat), array(weight), eps, *made)
        else:
            both = torch.empty_like(flat)
            other = array(y.reshape(flat.shape))
            run.add_norm(array(flat), other, array(weight), eps, array(both), *made)
        ctx.save_for_backward(both, weight, scale)
        ctx.run = run
        ctx.added = y is not None
        if ctx.added:
            return both.view(x.shape), out.view(x.shape)
        return out.view(x.shape)

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor | None) -> Gradients:
        x, weight, scale = ctx.saved_tensors
        # The gradient that reached x + y another way (where it was given), and that of the norm.
        *rest, grad = grads
        more = rest[0] if rest else None
        if grad is None:
            return None, more, more, None, None

        flat = grad.reshape(x.shape)
        other = x[:0, :0] if more is None else more.reshape(x.shape)
        out = torch.empty_like(x)
        given = (array(t) for t in (x, weight, scale, flat, other))
        ctx.run.norm_back(*given, array(out))
        out = out.view(grad.shape)
        return None, out, out if ctx.added else None, None, None


# --- SwiGLU ---------------------------------------------------------------------------------------


def swiglu(both: Tensor) -> Tensor:
    """``silu(gate) * up`` where the last axis holds gate, then up."""
    if both.is_cuda:
        liger = _liger()
        if liger is not None:
            return by_liger(both, liger)
    return _SwiGlu.apply(both)


@functools.cache
def _liger() -> type[torch.autograd.Function] | None:
    """Liger's SwiGLU over gates and ups side by side, where Liger is installed.

    One kernel each way instead of five.
    """
    try:
        from liger_kernel.ops.swiglu import LigerFusedGateUpSiLUMulFunction
    except ImportError:
        return None
    return LigerFusedGateUpSiLUMulFunction


def by_liger(both: Tensor, liger: type[torch.autograd.Function]) -> Tensor:
    """`swiglu` through Liger's function, which takes rows of one matrix."""
    flat = both.reshape(-1, both.shape[-1])
    return liger.apply(flat).view(*both.shape[:-1], -1)


class _SwiGlu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, both: Tensor) -> Tensor:
        ctx.save_for_backward(both)
        gate, up = both.chunk(2, -1)
        run = fused(both)
        if run is None:
            return F.silu(gate).mul_(up)
        made = torch.empty(gate.shape, dtype=both.dtype)
        run.swiglu(_flat(both), _flat(made))
        return made

    @staticmethod
    def backward(ctx: FunctionCtx, grad: Tensor) -> Tensor:
        (both,) = ctx.saved_tensors
        out = torch.empty_like(both)
        run = fused(both)
        if run is not None:
            run.swiglu_back(_flat(both), _flat(grad), _flat(out))
            return out
        gate, up = both.chunk(2, -1)
        d_gate, d_up = out.chunk(2, -1)
        torch.mul(grad, F.silu(gate), out=d_up)
        d_gate.copy_(torch.ops.aten.silu_backward(grad * up, gate))
        return out


def _flat(tensor: Tensor) -> object:
    """A tensor as rows of its last axis, for the compiled kernels."""
    return array(tensor.reshape(-1, tensor.shape[-1]))


# --- LoRA -----------------------------------------------------------------------------------------


def lora(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    a: Tensor,
    b: Tensor,
    mask: Tensor | None = None,
) -> Tensor:
    """``x W' + bias + (x A') B`` for K adapters over one frozen map.

    The frozen map may be several maps of the same input, one above the other; then A holds their
    A's likewise and B is zero outside its blocks: one product instead of three costs less than the
    zeros.

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


class _Lora(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        a: Tensor,
        b: Tensor,
        mask: Tensor | None,
    ) -> Tensor:
        k, n, inputs = x.shape
        out = F.linear(x.reshape(k * n, -1), weight, bias).view(k, n, -1)
        own = a
        if mask is not None:
            # Every row has an A of its own: rows stand where adapters stand without dropout.
            own = (a[:, None] * mask[:, :, None]).flatten(0, 1)
        by_a = x.reshape(len(own), -1, inputs)
        low = torch.bmm(by_a, own.transpose(1, 2)).view(k, n, -1)
        ctx.save_for_backward(x, weight, own, b, low, mask)
        return out.baddbmm_(low, b)

    @staticmethod
    def backward(ctx: FunctionCtx, grad: Tensor) -> Gradients:
        x, weight, own, b, low, mask = ctx.saved_tensors
        k, n, inputs = x.shape
        rows, ranks = own.shape[:2]
        d_low = torch.bmm(grad, b.transpose(1, 2))
        d_b = torch.bmm(low.transpose(1, 2), grad)

        by_row = d_low.view(rows, -1, ranks)
        d_a = torch.bmm(by_row.transpose(1, 2), x.reshape(rows, -1, inputs))
        if mask is not None:
            d_a = d_a.view(k, -1, ranks, inputs).mul_(mask[:, :, None]).sum(1)
        if not ctx.needs_input_grad[0]:
            return None, None, None, d_a, d_b, None

        d_x = (grad.reshape(k * n, -1) @ weight).view(rows, -1, inputs)
        d_x.baddbmm_(by_row, own)
        return d_x.view(k, n, inputs), None, None, d_a, d_b, None


# --- some of the states ---------------------------------------------------------------------------


def taken(states: Tensor, places: Tensor) -> Tensor:
    """The states of some tokens.

    Args:
        states: Shape (…, width).
        places: Different numbers of tokens, all axes but the last counted through; shape (K, rows,
            few).

    Returns:
        Shape (K, rows * few, width).
    """
    return _Taken.apply(states, places).view(len(places), -1, states.shape[-1])


class _Taken(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx,
        states: Tensor,
        places: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(places)
        ctx.shape = states.shape
        flat = states.reshape(-1, states.shape[-1])
        return flat.index_select(0, places.flatten())

    @staticmethod
    def backward(ctx: FunctionCtx, grad: Tensor) -> Gradients:
        (places,) = ctx.saved_tensors
        out = grad.new_zeros(ctx.shape)
        out.view(-1, grad.shape[-1]).index_copy_(0, places.flatten(), grad)
        return out, None
