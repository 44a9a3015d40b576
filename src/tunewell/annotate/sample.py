"""Which rows people should see: the novel, and what a sample gives, held against random samples of the same size."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import numpy as np

from tunewell.people.draw import Candidate
from tunewell.people.near import Near
from tunewell.types import Estimate, Value

DRAWS = 200


class Coverage(Value):
    """How well a sample stands for the rows it was drawn from, beside random samples of its size.

    Attributes:
        rows: How many were chosen.
        groups: How many values of the slices there are in all.
        covered: How many of them the sample holds.
        random: The same of a random sample: mean over draws, with the middle 95 % of them.
        error: Root of the mean squared difference between the shares of the groups in the sample and in all rows.
        error_random: The same of a random sample: mean over draws, with the middle 95 % of them.
    """

    rows: int
    groups: int
    covered: int
    random: Estimate
    error: float
    error_random: Estimate


def coverage(rows: Sequence[Candidate], chosen: Sequence[str], *, draws: int = DRAWS, seed: int = 0) -> Coverage | None:
    """Hold a sample against random ones; None if the rows have no slices.

    Args:
        rows: What was drawn from.
        chosen: Ids of the sample.
        draws: How many random samples.
        seed: Of them.

    Example:
        >>> rows = [Candidate(id=str(i), strata=("rare" if i % 20 == 0 else "common",)) for i in range(100)]
        >>> found = coverage(rows, [str(i) for i in range(0, 100, 10)])
        >>> found.groups, found.covered, found.random.value < 2
        (2, 2, True)
    """
    names = sorted({(place, value) for r in rows for place, value in enumerate(r.strata) if value})
    if not names or not chosen:
        return None
    place = {name: n for n, name in enumerate(names)}
    table = np.zeros((len(rows), len(names)))
    for n, r in enumerate(rows):
        for at, value in enumerate(r.strata):
            if value:
                table[n, place[at, value]] = 1.0
    position = {r.id: n for n, r in enumerate(rows)}
    own = table[[position[name] for name in chosen if name in position]]
    luck = np.random.default_rng([seed, 7])
    others = [table[luck.choice(len(rows), len(own), replace=False)] for _ in range(draws)]
    truth = table.mean(0)

    def error(sample: np.ndarray) -> float:
        return float(np.sqrt(((sample.mean(0) - truth) ** 2).mean()))

    return Coverage(
        rows=len(own), groups=len(names), covered=int((own.sum(0) > 0).sum()),
        random=_middle([float((o.sum(0) > 0).sum()) for o in others], len(own)),
        error=error(own), error_random=_middle([error(o) for o in others], len(own)),
    )  # fmt: skip


def _middle(values: Sequence[float], n: int) -> Estimate:
    low, high = np.quantile(values, [0.025, 0.975])
    value = float(np.mean(values))
    return Estimate(value=value, low=min(float(low), value), high=max(float(high), value), n=n,
                    method=f"{len(values)} random samples of the same size")  # fmt: skip


def novel(rows: Mapping[str, str], known: Sequence[str], *, count: int) -> list[str]:
    """Rows least like anything that is known, the least first.

    Args:
        rows: Text by id.
        known: Texts of the training rows.
        count: How many.

    Example:
        >>> novel({"a": "late bill", "b": "heat pump hums"}, ["my bill is late", "a late meter reading"], count=1)
        ['b']
    """
    near = Near(known)
    likeness = {name: max((score for _, score in near.to(text, count=1)), default=0.0) for name, text in rows.items()}
    return sorted(likeness, key=lambda name: (likeness[name], name))[:count]


def mixed(parts: Sequence[Sequence[str]], *, count: int, seed: int = 0) -> list[str]:
    """Rows of several lists in turn, the first of each first, none twice, at most ``count``.

    Example:
        >>> mixed([["a", "b"], ["b", "c", "d"]], count=3)
        ['a', 'b', 'c']
    """
    order = [list(p) for p in parts]
    random.Random(seed).shuffle(order) if seed else None
    out: dict[str, None] = {}
    for rank in range(max((len(p) for p in order), default=0)):
        for part in order:
            if rank < len(part):
                out.setdefault(part[rank])
    return list(out)[:count]
