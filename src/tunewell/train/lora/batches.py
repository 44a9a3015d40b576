"""Which rows share a step: of like length, in the token budget, as many for every adapter."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunewell.train.arrays import Ints
from tunewell.train.lora.rows import TrainRow

NOBODY = -1
"""Stands in the places of a batch that hold no row."""


@dataclass(frozen=True, eq=False)
class StepBatch:
    """Rows of one step.

    Attributes:
        rows: Index of the row in each place, -1 where there is none; shape (adapters, places).
        length: Tokens of the longest.
    """

    rows: Ints
    length: int

    @property
    def filled(self) -> list[tuple[int, int]]:
        """(place, row) of every place that holds a row, places counted through."""
        rows = self.rows.ravel().tolist()
        return [(place, row) for place, row in enumerate(rows) if row != NOBODY]

    def tokens(self, lengths: Ints) -> int:
        """Tokens of its rows, padding not counted."""
        return int(lengths[self.rows[self.rows != NOBODY]].sum())


def plan(
    lengths: Ints,
    members: Sequence[Ints],
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
    rng = None if seed is None else np.random.default_rng(seed)
    orders = [_longest_first(rows, lengths, rng) for rows in members]
    nothing = np.zeros(0, np.int64)
    largest = max(orders, key=lambda o: int(lengths[o].sum()), default=nothing)
    if not len(largest):
        return []

    # The adapter with most tokens decides the cuts; the others are cut at the same shares.
    cuts = np.asarray(_cuts(lengths[largest], budget)) / len(largest)
    batches = []
    for low, high in itertools.pairwise(cuts.tolist()):
        pieces = [_between(rows, low, high) for rows in orders]
        if any(len(piece) for piece in pieces):
            batches.append(_side_by_side(pieces, lengths))
    if rng is None:
        return batches
    return [batches[i] for i in rng.permutation(len(batches))]


def _between(rows: Ints, low: float, high: float) -> Ints:
    """The rows between two shares of them."""
    return rows[round(low * len(rows)) : round(high * len(rows))]


def _longest_first(
    rows: Ints,
    lengths: Ints,
    rng: np.random.Generator | None,
) -> Ints:
    """Rows by length; rows of one length as drawn, or in their own order."""
    ties = np.arange(len(rows)) if rng is None else rng.permutation(len(rows))
    return rows[np.lexsort((ties, -lengths[rows]))]


def _side_by_side(pieces: Sequence[Ints], lengths: Ints) -> StepBatch:
    """One piece for each adapter as a batch, the shorter ones filled up with nobody."""
    width = max(len(piece) for piece in pieces)
    places = np.full((len(pieces), width), NOBODY, np.int64)
    longest = 0
    for i, piece in enumerate(pieces):
        places[i, : len(piece)] = piece
        longest = max(longest, int(lengths[piece].max(initial=0)))
    return StepBatch(rows=places, length=longest)


def parts(
    batch: StepBatch,
    lengths: Ints,
    *,
    budget: int,
) -> list[tuple[int, StepBatch]]:
    """A batch in pieces of at most so many tokens, all adapters together.

    Each comes with its first place in the batch.

    The gradient of a step is the sum of those of its pieces; only the memory is smaller.

    Example:
        >>> batch = StepBatch(rows=np.array([[0, 1, 2], [3, 4, -1]]), length=9)
        >>> found = parts(batch, np.array([9, 5, 5, 9, 3]), budget=36)
        >>> [(at, b.rows.tolist(), b.length) for at, b in found]
        [(0, [[0, 1], [3, 4]], 9), (2, [[2], [-1]], 5)]
    """
    count, places = batch.rows.shape
    step = max(1, budget // (count * batch.length))
    found = []
    for start in range(0, places, step):
        rows = batch.rows[:, start : start + step]
        longest = int(lengths[rows[rows != NOBODY]].max())
        found.append((start, StepBatch(rows=rows, length=longest)))
    return found


def _cuts(lengths: Ints, budget: int) -> list[int]:
    """Where to cut lengths (falling) so that each piece times its longest stays in the budget."""
    cuts = [0]
    for i in range(1, len(lengths)):
        rows = i - cuts[-1] + 1
        if rows * int(lengths[cuts[-1]]) > budget:
            cuts.append(i)
    return [*cuts, len(lengths)]


def draw_replay(
    rows: Sequence[TrainRow],
    *,
    tokens: int,
    share: float,
    seed: Sequence[int],
) -> Ints:
    """Which general rows an epoch takes: in an order drawn by seed, until they are its share.

    No row is taken twice in an epoch, so a large set of rows may get less than the share.

    Args:
        rows: From `tunewell.train.forgetting.general_rows.replay_rows`.
        tokens: Of the epoch's own rows.
        share: Of all tokens of the epoch, in [0, 1).
        seed: Of the order.
    """
    order = np.random.default_rng(tuple(seed)).permutation(len(rows))
    if not share:
        return order[:0]
    ends = np.cumsum([len(rows[i].ids) for i in order])
    wanted = tokens * share / (1 - share)
    return order[: int(np.searchsorted(ends, wanted)) + 1]
