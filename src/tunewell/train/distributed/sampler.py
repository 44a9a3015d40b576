"""Which process trains on which rows of a step, and in how many passes: the same step for any number of processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray


def share(
    step: NDArray[np.int64],
    lengths: NDArray[np.int64],
    *,
    process: int,
    processes: int,
    budget: int,
) -> list[list[int]]:
    """The rows of one step that one process takes, by pass.

    Rows are dealt in turn, so that processes get like lengths and (but for one row) as many; a pass
    holds as many of them as fit the budget at the length of the step's longest row, and at least
    one.

    Args:
        step: Rows of the step, longest first.
        lengths: Tokens of every row there is.
        process: From 0 to ``processes - 1``.
        processes: How many share the step.
        budget: Tokens of a pass of one process, padding included.

    Example:
        >>> step, lengths = np.arange(5), np.array([9, 9, 8, 8, 7])
        >>> [share(step, lengths, process=p, processes=2, budget=18) for p in (0, 1)]
        [[[0, 2], [4]], [[1, 3]]]
    """
    mine = step[process::processes].tolist()
    rows = max(1, budget // int(lengths[step].max()))
    return [mine[start : start + rows] for start in range(0, len(mine), rows)]


def passes(
    steps: Sequence[NDArray[np.int64]], lengths: NDArray[np.int64], *, processes: int, budget: int
) -> int:
    """Passes that the largest share of any step takes.

    Example:
        >>> passes([np.arange(5), np.arange(2)], np.array([9, 9, 8, 8, 7]), processes=2, budget=18)
        2
    """
    return max(len(share(s, lengths, process=0, processes=processes, budget=budget)) for s in steps)


class Shares:
    """The passes of one process in the order of the steps, every step in as many: a batch sampler.

    Processes that train together must make the same number of passes: where one has no row left, it
    takes ``idle``, a row without a target.

    Args:
        steps: Rows of each step, longest first.
        lengths: Tokens of every row.
        process: Whose.
        processes: How many share each step.
        budget: Tokens of a pass.
        idle: Number of the row that is taken where there is none.
    """

    def __init__(
        self,
        steps: Sequence[NDArray[np.int64]],
        lengths: NDArray[np.int64],
        *,
        process: int,
        processes: int,
        budget: int,
        idle: int,
    ) -> None:
        self.passes = passes(steps, lengths, processes=processes, budget=budget)
        self._all: list[list[int]] = []
        for step in steps:
            own = share(step, lengths, process=process, processes=processes, budget=budget)
            self._all += [*own, *[[idle]] * (self.passes - len(own))]

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self._all)
