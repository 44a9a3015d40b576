"""Which process trains on which rows of a step, and in how many passes.

The same step for any number of processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tunewell.train.arrays import Ints


@dataclass(frozen=True)
class Sharing:
    """How a step is shared.

    Attributes:
        processes: How many share it.
        budget: Tokens of a pass of one process, padding included.
    """

    processes: int
    budget: int


def share(
    step: Ints,
    lengths: Ints,
    sharing: Sharing,
    *,
    process: int = 0,
) -> list[list[int]]:
    """The rows of one step that one process takes, by pass.

    Rows are dealt in turn, so that processes get like lengths and (but for one row) as many; a pass
    holds as many of them as fit the budget at the length of the step's longest row, and at least
    one.

    Args:
        step: Rows of the step, longest first.
        lengths: Tokens of every row there is.
        sharing: With whom, and how much at once.
        process: From 0 to ``sharing.processes - 1``; the first takes most.

    Example:
        >>> import numpy as np
        >>> step, lengths, two = np.arange(5), np.array([9, 9, 8, 8, 7]), Sharing(2, budget=18)
        >>> [share(step, lengths, two, process=p) for p in (0, 1)]
        [[[0, 2], [4]], [[1, 3]]]
    """
    mine = step[process :: sharing.processes].tolist()
    longest = int(lengths[step].max())
    rows = max(1, sharing.budget // longest)
    return [mine[start : start + rows] for start in range(0, len(mine), rows)]


def passes(
    steps: Sequence[Ints],
    lengths: Ints,
    sharing: Sharing,
) -> int:
    """Passes that the largest share of any step takes.

    Example:
        >>> import numpy as np
        >>> steps = [np.arange(5), np.arange(2)]
        >>> passes(steps, np.array([9, 9, 8, 8, 7]), Sharing(2, budget=18))
        2
    """
    return max(len(share(step, lengths, sharing)) for step in steps)


class Shares:
    """The passes of one process in the order of the steps, every step in as many: a batch sampler.

    Processes that train together must make the same number of passes: where one has no row left, it
    takes ``idle``, a row without a target.

    Args:
        steps: Rows of each step, longest first.
        lengths: Tokens of every row.
        sharing: With whom, and how much at once.
        process: Whose.
        idle: Number of the row that is taken where there is none.
    """

    def __init__(
        self,
        steps: Sequence[Ints],
        lengths: Ints,
        sharing: Sharing,
        *,
        process: int,
        idle: int,
    ) -> None:
        self.passes = passes(steps, lengths, sharing)
        self._all: list[list[int]] = []
        for step in steps:
            own = share(step, lengths, sharing, process=process)
            missing = self.passes - len(own)
            self._all += [*own, *[[idle]] * missing]

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self._all)
