"""Which rows share a step: of like length, within the token budget, the same number for every adapter."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewell.train.lora.rows import TrainRow


@dataclass(frozen=True, eq=False)
class StepBatch:
    """Rows of one step.

    Attributes:
        rows: Index of the row in each place, -1 where there is none; shape (adapters, places).
        length: Tokens of the longest.
    """

    rows: NDArray[np.int64]
    length: int


def plan(
    lengths: NDArray[np.int64],
    members: Sequence[NDArray[np.int64]],
    *,
    budget: int,
    seed: int | None = None,
) -> list[StepBatch]:
    """Batches in which every adapter sees each of its rows once.

    Rows are sorted by length, so that padding is little, and cut into as many pieces for each
    adapter; rows of the same length are put in a new order by every seed, and so are the steps.

    Args:
        lengths: Tokens of every row, shape (rows,).
        members: For each adapter, the rows that it takes.
        budget: Tokens of one step of one adapter, padding included.
        seed: Order; None = by length, longest first, always the same.

    Example:
        >>> [b.rows.tolist() for b in plan(np.array([5, 3, 4, 9]), [np.arange(4)], budget=10)]
        [[[3]], [[0, 2]], [[1]]]
    """
    rng = np.random.default_rng(seed) if seed is not None else None
    orders = []
    for rows in members:
        ties = rng.permutation(len(rows)) if rng is not None else np.arange(len(rows))
        orders.append(rows[np.lexsort((ties, -lengths[rows]))])
    largest = max(orders, key=lambda o: int(lengths[o].sum()), default=np.zeros(0, np.int64))
    if not len(largest):
        return []
    cuts = np.asarray(_cuts(lengths[largest], budget)) / len(largest)
    batches = []
    for low, high in itertools.pairwise(cuts.tolist()):
        parts = [o[round(low * len(o)) : round(high * len(o))] for o in orders]
        width = max(len(p) for p in parts)
        if width:
            places = np.full((len(parts), width), -1, np.int64)
            for i, part in enumerate(parts):
                places[i, : len(part)] = part
            batches.append(
                StepBatch(rows=places, length=max(int(lengths[p].max()) for p in parts if len(p)))
            )
    return [batches[i] for i in rng.permutation(len(batches))] if rng is not None else batches


def parts(
    batch: StepBatch, lengths: NDArray[np.int64], *, budget: int
) -> list[tuple[int, StepBatch]]:
    """A batch in pieces of at most so many tokens (all adapters together), each with its first place.

    The gradient of a step is the sum of those of its pieces; only the memory is smaller.

    Example:
        >>> batch = StepBatch(rows=np.array([[0, 1, 2], [3, 4, -1]]), length=9)
        >>> [(at, b.rows.tolist(), b.length) for at, b in parts(batch, np.array([9, 5, 5, 9, 3]), budget=36)]
        [(0, [[0, 1], [3, 4]], 9), (2, [[2], [-1]], 5)]
    """
    count, places = batch.rows.shape
    step = max(1, budget // (count * batch.length))
    found = []
    for start in range(0, places, step):
        rows = batch.rows[:, start : start + step]
        found.append((start, StepBatch(rows=rows, length=int(lengths[rows[rows >= 0]].max()))))
    return found


def _cuts(lengths: NDArray[np.int64], budget: int) -> list[int]:
    """Where to cut lengths (falling) so that each piece times its longest stays in the budget."""
    cuts = [0]
    for i in range(1, len(lengths)):
        if (i - cuts[-1] + 1) * int(lengths[cuts[-1]]) > budget:
            cuts.append(i)
    return [*cuts, len(lengths)]


def draw_replay(
    rows: Sequence[TrainRow], *, tokens: int, share: float, seed: Sequence[int]
) -> NDArray[np.int64]:
    """Which general rows an epoch takes: in an order drawn by seed, until they are a share of its tokens.

    No row is taken twice in an epoch, so a large set of rows may get less than the share.

    Args:
        rows: From `replay_rows`.
        tokens: Of the epoch's own rows.
        share: Of all tokens of the epoch, in [0, 1).
        seed: Of the order.
    """
    order = np.random.default_rng(tuple(seed)).permutation(len(rows))
    ends = np.cumsum([len(rows[i].ids) for i in order])
    wanted = tokens * share / (1 - share)
    return order[: int(np.searchsorted(ends, wanted)) + 1] if share else order[:0]
