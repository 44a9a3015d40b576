"""The compiled kernels against the same work in PyTorch's own operations.

Values, gradients, whole layers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
numba = pytest.importorskip("numba")

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}
"""Of the largest number of a result."""


def gradients(run: Callable[..., Any], inputs: list[Any]) -> list[Any]:
    """Results of a run and the gradients of its inputs under fixed weights of the results."""
    leaves = [x.clone().requires_grad_() for x in inputs]
    results = run(*leaves)
    results = results if isinstance(results, tuple) else (results,)
    generator = torch.Generator().manual_seed(5)
    total = sum((r.float() * torch.randn(r.shape, generator=generator)).sum() for r in results)
    total.backward()
    return [*(r.detach() for r in results), *(x.grad for x in leaves)]


def both_ways(run: Callable[..., Any], inputs: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled and plain agree to the accuracy of the type."""
    from tunewell.train.lora import attention, kernels, vocabulary

    compiled = gradients(run, inputs)
    for module in (attention, kernels, vocabulary):
        monkeypatch.setattr(module, "fused", lambda like: None)
    for ours, plain in zip(compiled, gradients(run, inputs), strict=True):
        assert ours.dtype == plain.dtype
        near = TOLERANCE[inputs[0].dtype] * float(plain.abs().max())
        torch.testing.assert_close(ours, plain, rtol=0, atol=near)


def drawn(*shape: int, kind: Any, seed: int = 0) -> Any:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(kind)


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_norm_and_sum(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tunewell.train.lora.kernels import add_norm, rms_norm

    weight = drawn(48, kind=kind, seed=3)
    x, y = drawn(2, 7, 48, kind=kind), drawn(2, 7, 48, kind=kind, seed=1)
    both_ways(lambda x: rms_norm(x, weight, 1e-5), [x], monkeypatch)
    monkeypatch.undo()
    both_ways(lambda x, y: add_norm(x, y, weight, 1e-5), [x, y], monkeypatch)
    monkeypatch.undo()
    both_ways(lambda x, y: add_norm(x, y, weight, 1e-5)[0], [x, y], monkeypatch)


def test_swiglu(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tunewell.train.lora.kernels import swiglu

    x = drawn(3, 5, 2 * 37, kind=kind)
    x[0] *= 40  # far into both tails of the sigmoid
    both_ways(swiglu, [x], monkeypatch)


@pytest.mark.parametrize("tokens", [1, 31, 32, 70])
def test_attention_with_rotation(tokens: int, kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tunewell.train.lora.attention import attention

    angle = torch.arange(tokens)[:, None] / 10 ** torch.arange(8)[None]
    cos, sin = angle.cos().to(kind), angle.sin().to(kind)

    def run(both: Any) -> Any:
        return attention(both, cos, sin, 2, scale=0.3)

    both_ways(run, [drawn(3, tokens, 4 + 2 * 2, 16, kind=kind)], monkeypatch)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy(smoothing: float, kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tunewell.train.lora.vocabulary import cross_entropy

    head, labels = drawn(101, 24, kind=kind, seed=2), torch.tensor([3, 100, 0, 7, 7])
    weights = torch.tensor([0.5, 0.1, 0.2, 0.3, 0.1])

    def run(hidden: Any) -> Any:
        total, nats = cross_entropy(hidden, head, labels, weights, smoothing=smoothing)
        return total, nats.detach()

    both_ways(run, [drawn(5, 24, kind=kind)], monkeypatch)


def test_whole_layers_and_their_gradients(network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = torch.from_numpy(np.random.default_rng(0).integers(3, network.head.shape[0], (3, 45)))
    hidden = network.embed(ids)[None].detach()
    both_ways(
        lambda h: network.finish(network.run(h, first=0, last=network.layers)),
        [hidden],
        monkeypatch,
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_stays_so(value: float) -> None:
    """A run that diverges has to show it."""
    from tunewell.train.lora.kernels import rms_norm, swiglu
    from tunewell.train.lora.vocabulary import cross_entropy

    x = torch.ones(2, 8)
    x[0, 0] = value
    assert not rms_norm(x, torch.ones(8), 1e-5).isfinite().all()
    assert not swiglu(x).isfinite().all()
    _, nats = cross_entropy(x, torch.eye(8), torch.tensor([1, 1]), torch.ones(2))
    assert not nats[0].isfinite()
    assert nats[1].isfinite()


def test_the_number_of_threads_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither do their shares: 7 rows for 3 threads."""
    from tunewell.train.lora import fused

    monkeypatch.setattr(fused, "ALONE", 0)
    scores, found = drawn(7, 66, 64, kind=torch.float32), []
    for threads in (1, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda: threads)  # noqa: B023
        mine = scores.clone()
        kernels = fused.fused(mine)
        assert kernels is not None
        kernels.softmax(fused.array(mine), 33, 0.2)
        found.append(mine)
    assert torch.equal(*found)
    assert not torch.equal(found[0], scores)


def test_without_numba_pytorch_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from tunewell.train.lora import fused

    monkeypatch.setitem(sys.modules, "numba", None)
    fused._kernels.cache_clear()
    try:
        assert fused.fused(torch.zeros(2)) is None
    finally:
        fused._kernels.cache_clear()
