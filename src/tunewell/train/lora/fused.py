"""The elementwise work of a step in one pass over memory each, compiled by Numba for the processor at hand.

In PyTorch's own operations, normalisation, rotation, SwiGLU, softmax and cross-entropy take three
to eight passes each; where matrix products run on AMX, those passes are most of a step. Numba needs
no compiler at the user's. Where it is missing, and on a GPU, `tunewell.train.lora.kernels` does the same
in PyTorch; tests hold both to the same results.

Every kernel comes in two makes: fp32, and bf16 seen as the upper half of an fp32 number. Sums and
exponentials are fp32 in both. Threads share whole rows and run the same code, so their number does
not change a result.

Indices that are sums are wrapped in ``AT``: Numba would look whether they are negative, and lose
the vector code.
"""

from __future__ import annotations

import functools
import itertools
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch

LANES = 32
"""Scores are kept in rows of a multiple of this, which leaves vector code no rest to do one by one."""

ALONE = 1 << 20
"""Numbers up to which one thread does it: PyTorch's own threads still spin after a product, and a second one would wait
for them (two cores, steps of 256 tokens: 773 tokens/s alone, 658 shared; of 1,024 tokens 1,233 and 1,205)."""

F, I, U, AT = np.float32, np.int32, np.uint32, np.uintp  # noqa: E741


def fused(like: Any) -> Any:
    """The kernels for tensors such as this one, or None where PyTorch has to do."""
    if like.device.type != "cpu" or like.dtype not in (torch.bfloat16, torch.float32):
        return None
    return _kernels(like.dtype == torch.bfloat16)


def array(tensor: Any) -> Any:
    """A contiguous tensor as the kernels see it: fp32, or the bits of bf16."""
    plain = tensor.detach().contiguous()
    return (plain.view(torch.uint16) if plain.dtype == torch.bfloat16 else plain).numpy()


@functools.cache
def _kernels(half: bool) -> Any:
    try:
        import numba
    except ImportError:
        return None
    # Sums in any order and no care for signed zeros; infinities and NaN stay what they are, so a
    # diverging run shows.
    compiled = numba.njit(
        fastmath={"reassoc", "contract", "arcp", "nsz"}, error_model="numpy", nogil=True
    )
    inner = numba.njit(fastmath={"contract"}, error_model="numpy")
    load, store = (inner(f) for f in (_halves() if half else _whole()))
    tools = _Tools(load, store, *(inner(f) for f in (_exp, _order, _number)))
    makes = (_norms, _norm_back, _swiglu, _heads, _softmax, _softmax_back, _cross_entropy)
    return SimpleNamespace(
        **{f.__name__: _Shared(compiled(f)) for make in makes for f in make(*tools)}
    )


class _Tools(NamedTuple):
    load: Any
    store: Any
    exp: Any
    order: Any
    number: Any


class _Shared:
    """A kernel whose rows are shared by as many threads as PyTorch has.

    Unlike Numba's own way to use threads this runs one and the same machine code for any number of
    them, so that a run may go on with another number to the same bytes.
    """

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel

    def __call__(self, *values: Any) -> None:
        rows, threads = len(values[0]), torch.get_num_threads()
        if threads == 1 or values[0].size < ALONE:
            self._kernel(0, rows, *values)
            return
        cuts = [rows * i // threads for i in range(threads + 1)]
        for done in [
            _pool(threads).submit(self._kernel, a, b, *values) for a, b in itertools.pairwise(cuts)
        ]:
            done.result()


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)


def _whole() -> tuple[Any, Any]:
    return lambda x: x, lambda x: F(x)


def _halves() -> tuple[Any, Any]:
    def load(bits: Any) -> Any:
        return U(U(bits) << U(16)).view(F)

    def store(x: Any) -> Any:
        bits = U(F(x).view(U))
        return np.uint16(
            U(bits + U(0x7FFF) + U(U(bits >> U(16)) & U(1))) >> U(16)
        )  # to the nearest, ties to even

    return load, store


def _exp(x: Any) -> Any:
    """Relative error 2e-7 (Cephes' polynomial), 0 below -87.

    NaN stays NaN, and loops over it become vector code.
    """
    tiny = x < F(-87)
    x = F(-87) if tiny else x
    x = F(88) if x > F(88) else x
    n = np.floor(x * F(1.44269504) + F(0.5))
    r = (x - n * F(0.693359375)) + n * F(2.12194440e-4)
    p = F(1.9875691500e-4) * r + F(1.3981999507e-3)
    p = p * r + F(8.3334519073e-3)
    p = p * r + F(4.1665795894e-2)
    p = p * r + F(1.6666665459e-1)
    p = p * r + F(5.0000001201e-1)
    value = (p * r * r + r + F(1)) * I(I(I(n) + I(127)) << I(23)).view(F)
    return F(0) if tiny else value


def _order(x: Any) -> Any:
    """fp32 as an integer of the same order: vector code finds the largest integer, but not the largest number."""
    bits = I(F(x).view(I))
    return I(bits ^ I(I(bits >> I(31)) & I(0x7FFFFFFF)))


def _number(key: Any) -> Any:
    """The way back from `_order`."""
    return I(key ^ I(I(key >> I(31)) & I(0x7FFFFFFF))).view(F)


def _norms(load: Any, store: Any, exp: Any, order: Any, number: Any) -> list[Any]:
    def norm(first: int, last: int, x: Any, weight: Any, eps: float, out: Any, scale: Any) -> None:
        n = x.shape[1]
        for i in range(first, last):
            total = F(0)
            for j in range(n):
                total += load(x[i, j]) * load(x[i, j])
            s = F(1) / np.sqrt(total / F(n) + F(eps))
            scale[i] = s
            for j in range(n):
                out[i, j] = store(load(x[i, j]) * s * load(weight[j]))

    def add_norm(
        first: int,
        last: int,
        x: Any,
        y: Any,
        weight: Any,
        eps: float,
        both: Any,
        out: Any,
        scale: Any,
    ) -> None:
        n = x.shape[1]
        for i in range(first, last):
            total = F(0)
            for j in range(n):
                bits = store(load(x[i, j]) + load(y[i, j]))
                both[i, j] = bits
                total += load(bits) * load(bits)
            s = F(1) / np.sqrt(total / F(n) + F(eps))
            scale[i] = s
            for j in range(n):
                out[i, j] = store(load(both[i, j]) * s * load(weight[j]))

    return [norm, add_norm]


def _norm_back(load: Any, store: Any, exp: Any, order: Any, number: Any) -> list[Any]:
    def norm_back(
        first: int, last: int, x: Any, weight: Any, scale: Any, grad: Any, more: Any, out: Any
    ) -> None:
        """``more`` is the gradient that reached x another way.

        A shape of (0, 0) says that there is none.
        """
        n = x.shape[1]
        extra = more.shape[0] > 0
        for i in range(first, last):
            dot = F(0)
            for j in range(n):
                dot += load(grad[i, j]) * load(weight[j]) * load(x[i, j])
            s = scale[i]
            dot *= s * s / F(n)
            if extra:
                for j in range(n):
                    value = s * (load(grad[i, j]) * load(weight[j]) - load(x[i, j]) * dot)
                    out[i, j] = store(value + load(more[i, j]))
            else:
                for j in range(n):
                    out[i, j] = store(
                        s * (load(grad[i, j]) * load(weight[j]) - load(x[i, j]) * dot)
                    )

    return [norm_back]


def _swiglu(load: Any, store: Any, exp: Any, order: Any, number: Any) -> list[Any]:
    def swiglu(first: int, last: int, both: Any, out: Any) -> None:
        n = out.shape[1]
        for i in range(first, last):
            for j in range(n):
                gate = load(both[i, j])
                out[i, j] = store(gate * load(both[i, AT(n + j)]) / (F(1) + exp(-gate)))

    def swiglu_back(first: int, last: int, both: Any, grad: Any, out: Any) -> None:
        n = grad.shape[1]
        for i in range(first, last):
            for j in range(n):
                gate, up, d = load(both[i, j]), load(both[i, AT(n + j)]), load(grad[i, j])
                s = F(1) / (F(1) + exp(-gate))
                out[i, j] = store(d * up * s * (F(1) + gate * (F(1) - s)))
                out[i, AT(n + j)] = store(d * gate * s)

    return [swiglu, swiglu_back]


def _heads(load: Any, store: Any, exp: Any, order: Any, number: Any) -> list[Any]:
    def heads(
        first: int, last: int, both: Any, cos: Any, sin: Any, q: Any, k: Any, v: Any, back: bool
    ) -> None:
        """From (rows, tokens, heads, width) to one block for each key head, queries and keys turned by their place.

        ``back`` turns gradients the other way, from q, k and v to ``both``.
        """
        rows, tokens, _, width = both.shape
        few, half = k.shape[0] // rows, width // 2
        queries = few * q.shape[1] // tokens
        groups = queries // few
        for r in range(first, last):
            for t in range(tokens):
                for h in range(queries + few):
                    is_query = h < queries
                    block = q if is_query else k
                    b = r * few + (h // groups if is_query else h - queries)
                    at = h % groups * tokens + t if is_query else t
                    for j in range(half):
                        c, s, far = load(cos[t, j]), load(sin[t, j]), AT(half + j)
                        if back:
                            x, y = load(block[b, at, j]), load(block[b, at, far])
                            both[r, t, h, j] = store(x * c + y * s)
                            both[r, t, h, far] = store(y * c - x * s)
                        else:
                            x, y = load(both[r, t, h, j]), load(both[r, t, h, far])
                            block[b, at, j] = store(x * c - y * s)
                            block[b, at, far] = store(y * c + x * s)
                for h in range(few):
                    for j in range(width):
                        if back:
                            both[r, t, queries + few + h, j] = v[r * few + h, t, j]
                        else:
                            v[r * few + h, t, j] = both[r, t, queries + few + h, j]

    return [heads]


def _softmax(load: Any, store: Any, exp: Any, order: Any, number: Any) -> list[Any]:
    lanes, lowest = LANES, I(-0x80000000)
    ahead = np.arange(lanes) >= (np.arange(lanes)[:, None] - 1) % lanes + 1
    edge = np.where(
        ahead, F(-3e38), F(0)
    )  # of the last block of a row, by the query's place in it (1, 2 … 0)

    def softmax(first: int, last: int, scores: Any, tokens: int, scale: float) -> None:
        """In place, over the places up to a query's own.

        Query i of a block stands at ``i % tokens``.
        """
        factor, places = F(scale), scores.shape[2]
        for b in range(first, last):
            row = np.empty(places, F)
            for i in range(scores.shape[1]):
                end = i % tokens + 1
                full = min((end + lanes - 1) // lanes * lanes, places)
                for j in range(full - lanes):
                    row[j] = load(scores[b, i, j])
                for j in range(lanes):
                    at = AT(full - lanes + j)
                    row[at] = load(scores[b, i, at]) + edge[AT(end % lanes), j]
                top = lowest
                for j in range(full):
                    key = order(row[j])
                    top = key if key > top else top
                largest, total = number(top), F(0)
                for j in range(full):
                    row[j] = exp((row[j] - largest) * factor)
                    total += row[j]
                total = F(1) / total
                for j in range(full):
                    scores[b, i, j] = store(row[j] * total)
                for j in range(full, places):
                    scores[b, i, AT(j)] = 0

    return [softmax]


def _softmax_back(load: Any, store: Any, exp: Any, order: Any, number: Any) -> list[Any]:
    lanes = LANES

    def softmax_back(
        first: int, last: int, weights: Any, grad: Any, tokens: int, scale: float
    ) -> None:
        """From gradients of the weights to gradients of the scores before scaling, in place of the former."""
        factor, places = F(scale), weights.shape[2]
        for b in range(first, last):
            for i in range(weights.shape[1]):
                full = min((i % tokens + lanes) // lanes * lanes, places)
                dot = F(0)
                for j in range(full):
                    dot += load(weights[b, i, j]) * load(grad[b, i, j])
                for j in range(full):
                    grad[b, i, j] = store(
                        load(weights[b, i, j]) * (load(grad[b, i, j]) - dot) * factor
                    )
                for j in range(full, places):
                    grad[b, i, AT(j)] = 0

    return [softmax_back]


def _cross_entropy(load: Any, store: Any, exp: Any, order: Any, number: Any) -> list[Any]:
    def cross_entropy(
        first: int, last: int, logits: Any, labels: Any, smoothing: float, nats: Any
    ) -> None:
        """-log p of each label, and in place of the logits the gradient of its smoothed kind."""
        n = logits.shape[1]
        spread = F(smoothing / n)
        for i in range(first, last):
            top = I(-0x80000000)
            for j in range(n):
                key = order(load(logits[i, j]))
                top = key if key > top else top
            largest = number(top)
            total = F(0)
            for j in range(n):
                total += exp(load(logits[i, j]) - largest)
            of_label = load(logits[i, labels[i]]) - largest
            nats[i] = np.log(total) - of_label
            total = F(1) / total
            for j in range(n):
                logits[i, j] = store(exp(load(logits[i, j]) - largest) * total - spread)
            logits[i, labels[i]] = store(exp(of_label) * total - spread + F(smoothing - 1.0))

    return [cross_entropy]
