"""The kernels behind `tunewell.train.lora.fused`, as Numba compiles them.

Every kernel comes in two makes: fp32, and bf16 seen as the upper half of an fp32 number. Sums and
exponentials are fp32 in both.

Indices that are sums are wrapped in ``AT``: Numba would look whether they are negative, and lose
the vector code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunewell.train.arrays import Ints, Singles

LANES = 32
"""Scores are kept in rows of a multiple of this.

It leaves vector code no rest to do one by one.
"""

F, I, U, AT = np.float32, np.int32, np.uint32, np.uintp  # noqa: E741

LOWEST = I(-0x80000000)
"""Below every number in `_order`."""

Numbers = NDArray[Any]
"""Numbers of one tensor: fp32, or the bits of bf16."""

Span = tuple[int, int]
"""Of the first axis, those that one thread does: from the first up to the second."""

Kernel = Callable[..., None]

Load = Callable[[Any], np.float32]

Store = Callable[[np.float32], Any]


class Tools(NamedTuple):
    """What kernels are made of: numbers to fp32 and back, and functions of fp32."""

    load: Load
    store: Store
    exp: Callable[[np.float32], np.float32]
    order: Callable[[np.float32], np.int32]
    number: Callable[[np.int32], np.float32]


def tools_for(half: bool, inner: Callable[[Any], Any]) -> Tools:
    """The tools for bf16, or for fp32.

    Args:
        half: Whether numbers are bits of bf16.
        inner: Compiles a function that kernels call.
    """
    load, store = _halves() if half else _whole()
    return Tools(*(inner(f) for f in (load, store, _exp, _order, _number)))


def _whole() -> tuple[Load, Store]:
    """fp32 is what it is."""
    return lambda x: x, lambda x: F(x)


def _halves() -> tuple[Load, Store]:
    """From bf16 to fp32 by adding zeros, and back by rounding to the nearest, ties to even."""

    def load(bits: np.uint16) -> np.float32:
        return U(U(bits) << U(16)).view(F)

    def store(x: np.float32) -> np.uint16:
        bits = U(F(x).view(U))
        is_odd = U(U(bits >> U(16)) & U(1))
        rounded = U(bits + U(0x7FFF) + is_odd)
        return np.uint16(rounded >> U(16))

    return load, store


def _exp(x: np.float32) -> np.float32:
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
    power_of_two = I(I(I(n) + I(127)) << I(23)).view(F)
    value = (p * r * r + r + F(1)) * power_of_two
    return F(0) if tiny else value


def _order(x: np.float32) -> np.int32:
    """fp32 as an integer of the same order.

    Vector code finds the largest integer, but not the largest number.
    """
    bits = I(F(x).view(I))
    sign = I(bits >> I(31))
    return I(bits ^ I(sign & I(0x7FFFFFFF)))


def _number(key: np.int32) -> np.float32:
    """The way back from `_order`."""
    sign = I(key >> I(31))
    return I(key ^ I(sign & I(0x7FFFFFFF))).view(F)


def _norms(tools: Tools) -> list[Kernel]:
    load, store = tools.load, tools.store

    def norm(
        rows: Span,
        x: Numbers,
        weight: Numbers,
        eps: float,
        out: Numbers,
        scale: Singles,
    ) -> None:
        n = x.shape[1]
        for i in range(rows[0], rows[1]):
            total = F(0)
            for j in range(n):
                value = load(x[i, j])
                total += value * value
            s = F(1) / np.sqrt(total / F(n) + F(eps))
            scale[i] = s
            for j in range(n):
                unit = load(x[i, j]) * s
                out[i, j] = store(unit * load(weight[j]))

    def add_norm(
        rows: Span,
        x: Numbers,
        y: Numbers,
        weight: Numbers,
        eps: float,
        both: Numbers,
        out: Numbers,
        scale: Singles,
    ) -> None:
        """Of x + y, which ``both`` then holds."""
        n = x.shape[1]
        for i in range(rows[0], rows[1]):
            total = F(0)
            for j in range(n):
                bits = store(load(x[i, j]) + load(y[i, j]))
                both[i, j] = bits
                value = load(bits)
                total += value * value
            s = F(1) / np.sqrt(total / F(n) + F(eps))
            scale[i] = s
            for j in range(n):
                unit = load(both[i, j]) * s
                out[i, j] = store(unit * load(weight[j]))

    return [norm, add_norm]


def _norm_back(tools: Tools) -> list[Kernel]:
    load, store = tools.load, tools.store

    def norm_back(
        rows: Span,
        x: Numbers,
        weight: Numbers,
        scale: Singles,
        grad: Numbers,
        more: Numbers,
        out: Numbers,
    ) -> None:
        """``more`` is the gradient that reached x another way.

        A shape of (0, 0) says that there is none.
        """
        n = x.shape[1]
        extra = more.shape[0] > 0
        for i in range(rows[0], rows[1]):
            dot = F(0)
            for j in range(n):
                inner = load(grad[i, j]) * load(weight[j])
                dot += inner * load(x[i, j])
            s = scale[i]
            dot *= s * s / F(n)
            if extra:
                for j in range(n):
                    inner = load(grad[i, j]) * load(weight[j])
                    value = s * (inner - load(x[i, j]) * dot)
                    out[i, j] = store(value + load(more[i, j]))
            else:
                for j in range(n):
                    inner = load(grad[i, j]) * load(weight[j])
                    value = s * (inner - load(x[i, j]) * dot)
                    out[i, j] = store(value)

    return [norm_back]


def _swiglu(tools: Tools) -> list[Kernel]:
    load, store, exp = tools.load, tools.store, tools.exp

    def swiglu(
        rows: Span,
        both: Numbers,
        out: Numbers,
    ) -> None:
        n = out.shape[1]
        for i in range(rows[0], rows[1]):
            for j in range(n):
                gate = load(both[i, j])
                up = load(both[i, AT(n + j)])
                out[i, j] = store(gate * up / (F(1) + exp(-gate)))

    def swiglu_back(
        rows: Span,
        both: Numbers,
        grad: Numbers,
        out: Numbers,
    ) -> None:
        n = grad.shape[1]
        for i in range(rows[0], rows[1]):
            for j in range(n):
                gate = load(both[i, j])
                up = load(both[i, AT(n + j)])
                d = load(grad[i, j])
                s = F(1) / (F(1) + exp(-gate))
                slope = F(1) + gate * (F(1) - s)
                out[i, j] = store(d * up * s * slope)
                out[i, AT(n + j)] = store(d * gate * s)

    return [swiglu, swiglu_back]


def _heads(tools: Tools) -> list[Kernel]:
    load, store = tools.load, tools.store

    def heads(
        rows: Span,
        both: Numbers,
        cos: Numbers,
        sin: Numbers,
        q: Numbers,
        k: Numbers,
        v: Numbers,
    ) -> None:
        """From (rows, tokens, heads, width) to one block for each key head.

        Queries and keys are turned by their place.
        """
        count, tokens, _, width = both.shape
        few, half = k.shape[0] // count, width // 2
        queries = few * q.shape[1] // tokens
        groups = queries // few
        for r in range(rows[0], rows[1]):
            for t in range(tokens):
                for h in range(queries):
                    block = r * few + h // groups
                    at = h % groups * tokens + t
                    for j in range(half):
                        far = AT(half + j)
                        c, s = load(cos[t, j]), load(sin[t, j])
                        x, y = load(both[r, t, h, j]), load(both[r, t, h, far])
                        q[block, at, j] = store(x * c - y * s)
                        q[block, at, far] = store(y * c + x * s)
                for h in range(few):
                    block = r * few + h
                    key, value = AT(queries + h), AT(queries + few + h)
                    for j in range(half):
                        far = AT(half + j)
                        c, s = load(cos[t, j]), load(sin[t, j])
                        x, y = load(both[r, t, key, j]), load(both[r, t, key, far])
                        k[block, t, j] = store(x * c - y * s)
                        k[block, t, far] = store(y * c + x * s)
                    for j in range(width):
                        v[block, t, j] = both[r, t, value, j]

    return [heads]


def _heads_back(tools: Tools) -> list[Kernel]:
    load, store = tools.load, tools.store

    def heads_back(
        rows: Span,
        both: Numbers,
        cos: Numbers,
        sin: Numbers,
        q: Numbers,
        k: Numbers,
        v: Numbers,
    ) -> None:
        """Gradients the other way, from q, k and v to ``both``."""
        count, tokens, _, width = both.shape
        few, half = k.shape[0] // count, width // 2
        queries = few * q.shape[1] // tokens
        groups = queries // few
        for r in range(rows[0], rows[1]):
            for t in range(tokens):
                for h in range(queries):
                    block = r * few + h // groups
                    at = h % groups * tokens + t
                    for j in range(half):
                        far = AT(half + j)
                        c, s = load(cos[t, j]), load(sin[t, j])
                        x, y = load(q[block, at, j]), load(q[block, at, far])
                        both[r, t, h, j] = store(x * c + y * s)
                        both[r, t, h, far] = store(y * c - x * s)
                for h in range(few):
                    block = r * few + h
                    key, value = AT(queries + h), AT(queries + few + h)
                    for j in range(half):
                        far = AT(half + j)
                        c, s = load(cos[t, j]), load(sin[t, j])
                        x, y = load(k[block, t, j]), load(k[block, t, far])
                        both[r, t, key, j] = store(x * c + y * s)
                        both[r, t, key, far] = store(y * c - x * s)
                    for j in range(width):
                        both[r, t, value, j] = v[block, t, j]

    return [heads_back]


def _softmax(tools: Tools) -> list[Kernel]:
    load, store, exp = tools.load, tools.store, tools.exp
    order, number = tools.order, tools.number
    lanes, lowest = LANES, LOWEST
    # What is added to the last block of a row, by the query's place in it (1, 2 … 0).
    place = np.arange(lanes)
    ahead = place >= (place[:, None] - 1) % lanes + 1
    edge = np.where(ahead, F(-3e38), F(0))

    def softmax(
        rows: Span,
        scores: Numbers,
        tokens: int,
        scale: float,
    ) -> None:
        """In place, over the places up to a query's own.

        Query i of a block stands at ``i % tokens``.
        """
        factor, places = F(scale), scores.shape[2]
        for b in range(rows[0], rows[1]):
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


def _softmax_back(tools: Tools) -> list[Kernel]:
    load, store = tools.load, tools.store
    lanes = LANES

    def softmax_back(
        rows: Span,
        weights: Numbers,
        grad: Numbers,
        tokens: int,
        scale: float,
    ) -> None:
        """From gradients of the weights to those of the scores before scaling, in their place."""
        factor, places = F(scale), weights.shape[2]
        for b in range(rows[0], rows[1]):
            for i in range(weights.shape[1]):
                full = min((i % tokens + lanes) // lanes * lanes, places)
                dot = F(0)
                for j in range(full):
                    dot += load(weights[b, i, j]) * load(grad[b, i, j])
                for j in range(full):
                    above = load(grad[b, i, j]) - dot
                    grad[b, i, j] = store(load(weights[b, i, j]) * above * factor)
                for j in range(full, places):
                    grad[b, i, AT(j)] = 0

    return [softmax_back]


def _cross_entropy(tools: Tools) -> list[Kernel]:
    load, store, exp = tools.load, tools.store, tools.exp
    order, number = tools.order, tools.number
    lowest = LOWEST

    def cross_entropy(
        rows: Span,
        logits: Numbers,
        labels: Ints,
        smoothing: float,
        nats: Singles,
    ) -> None:
        """-log p of each label, and in place of the logits the gradient of its smoothed kind."""
        n = logits.shape[1]
        spread = F(smoothing / n)
        for i in range(rows[0], rows[1]):
            top = lowest
            for j in range(n):
                key = order(load(logits[i, j]))
                top = key if key > top else top
            largest = number(top)
            total = F(0)
            for j in range(n):
                total += exp(load(logits[i, j]) - largest)
            label = labels[i]
            of_label = load(logits[i, label]) - largest
            nats[i] = np.log(total) - of_label
            total = F(1) / total
            for j in range(n):
                share = exp(load(logits[i, j]) - largest) * total
                logits[i, j] = store(share - spread)
            share = exp(of_label) * total
            logits[i, label] = store(share - spread + F(smoothing - 1.0))

    return [cross_entropy]


MAKES = (
    _norms,
    _norm_back,
    _swiglu,
    _heads,
    _heads_back,
    _softmax,
    _softmax_back,
    _cross_entropy,
)
