"""What is computed over the whole vocabulary: the loss, and how probable a label is.

Logits are never held all at once, but in blocks of a few rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from tunewell.train.lora.device import far
from tunewell.train.lora.fused import array, fused
from tunewell.train.lora.kernels import Gradients

VOCABULARY_BYTES = {False: (32 << 20) - (1 << 16), True: 256 << 20}
"""Size of one block of logits, on the processor and on a GPU.

Large enough for the matrix product, small enough for the allocator to keep it.
"""

FEWEST_ROWS = 16
"""Of one block, however large the vocabulary is."""


class TokenMeasure(Protocol):
    """One number for each label: `negative_log_likelihood` or `greedy_hits`."""

    def __call__(
        self,
        hidden: Tensor,
        head: Tensor,
        labels: Tensor,
        *,
        cap: float = 0.0,
    ) -> Tensor:
        """See `negative_log_likelihood`."""
        ...


def cross_entropy(
    hidden: Tensor,
    head: Tensor,
    labels: Tensor,
    weights: Tensor,
    *,
    smoothing: float = 0.0,
    cap: float = 0.0,
) -> tuple[Tensor, Tensor]:
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
def negative_log_likelihood(
    hidden: Tensor,
    head: Tensor,
    labels: Tensor,
    *,
    cap: float = 0.0,
) -> Tensor:
    """-log p of each label, shape (labels,), fp32; nothing is kept for gradients.

    Args:
        hidden: Final states where there is a label, shape (labels, width).
        head: Output embedding, shape (vocabulary, width).
        labels: Shape (labels,).
        cap: Soft cap of the logits; 0 = none.
    """
    nats = torch.empty(len(labels), dtype=torch.float32, device=hidden.device)
    for part in _blocks(len(labels), head):
        logits, _ = _logits(hidden[part], head, cap)
        log_p = torch.log_softmax(logits, -1)
        nats[part] = -log_p.gather(1, labels[part, None])[:, 0].float()
    return nats


@torch.no_grad()
def greedy_hits(
    hidden: Tensor,
    head: Tensor,
    labels: Tensor,
    *,
    cap: float = 0.0,
) -> Tensor:
    """Whether each label is the most probable token, shape (labels,).

    Arguments as `negative_log_likelihood`.
    """
    hits = torch.empty(len(labels), dtype=torch.bool, device=hidden.device)
    for part in _blocks(len(labels), head):
        logits, _ = _logits(hidden[part], head, cap)
        hits[part] = logits.max(-1).indices == labels[part]
    return hits


class _CrossEntropy(torch.autograd.Function):
    """The gradient of the states is made with the loss, while a block of logits is at hand."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        hidden: Tensor,
        head: Tensor,
        labels: Tensor,
        weights: Tensor,
        smoothing: float,
        cap: float,
    ) -> tuple[Tensor, Tensor]:
        nats = torch.empty(len(labels), dtype=torch.float32, device=hidden.device)
        d_hidden = torch.empty_like(hidden)
        for part in _blocks(len(labels), head):
            logits, slope = _logits(hidden[part], head, cap)
            nats[part], grad = _loss_and_gradient(logits, labels[part], smoothing, slope)
            own = weights[part, None].to(grad.dtype)
            d_hidden[part] = (grad @ head).mul_(own)
        ctx.save_for_backward(d_hidden)
        ctx.mark_non_differentiable(nats)
        return (nats * weights).sum(), nats

    @staticmethod
    def backward(
        ctx: FunctionCtx,
        grad: Tensor,
        _: Tensor,
    ) -> Gradients:
        (d_hidden,) = ctx.saved_tensors
        return d_hidden.mul_(grad.to(d_hidden.dtype)), None, None, None, None, None


def _loss_and_gradient(
    logits: Tensor,
    labels: Tensor,
    smoothing: float,
    slope: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """-log p of each label, and the gradient of the logits (in their place)."""
    run = fused(logits)
    if slope is None and run is not None:
        found = torch.empty(len(labels), dtype=torch.float32)
        run.cross_entropy(array(logits), labels.numpy(), smoothing, found.numpy())
        return found, logits

    y = labels[:, None]
    log_p = torch.log_softmax(logits, -1)
    nats = -log_p.gather(1, y)[:, 0].float()
    grad = log_p.exp_()
    if smoothing:
        grad.sub_(smoothing / grad.shape[1])
    grad.scatter_add_(1, y, torch.full_like(y, smoothing - 1.0, dtype=grad.dtype))
    if slope is not None:
        grad.mul_(slope)
    return nats, grad


def _blocks(labels: int, head: Tensor) -> Iterator[slice]:
    """The labels in blocks whose logits are of a size."""
    vocabulary = head.shape[0]
    rows = VOCABULARY_BYTES[far(head.device)] // (vocabulary * head.element_size())
    rows = max(FEWEST_ROWS, rows)
    for start in range(0, labels, rows):
        yield slice(start, start + rows)


def _logits(
    hidden: Tensor,
    head: Tensor,
    cap: float,
) -> tuple[Tensor, Tensor | None]:
    """Logits, and the slope of their soft cap where there is one."""
    logits = hidden @ head.T
    if not cap:
        return logits, None
    squashed = torch.tanh(logits / cap)
    return squashed * cap, 1 - squashed.square()
