"""Which rows people should see: the novel, and what a sample gives, held against random samples of the same size."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tunewell.people.nearest_texts import Near
from tunewell.people.sample import SampleCandidate
from tunewell.people.work import Coverage
from tunewell.types import Estimate

DRAWS = 200


def coverage(
    rows: Sequence[SampleCandidate],
    chosen: Sequence[str],
    *,
    probabilities: Mapping[str, float] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Coverage | None:
    """Hold a sample against random ones; None if the rows have no slices.

    Args:
        rows: What was drawn from.
        chosen: Ids of the sample.
        probabilities: With which they were drawn, where they differ.
        draws: How many random samples.
        seed: Of them.

    Example:
        >>> rows = [SampleCandidate(id=str(i), strata=("rare" if i % 20 == 0 else "common",)) for i in range(100)]
        >>> found = coverage(rows, [str(i) for i in range(0, 100, 10)])
        >>> found.groups, found.covered, found.random.value < 2
        (2, 2, True)
    """
    names = sorted({(place, value) for r in rows for place, value in enumerate(r.strata) if value})
    if not names or not chosen:
        return None
    place = {name: n for n, name in enumerate(names)}
    width = max(len(r.strata) for r in rows)
    codes = np.full((len(rows), width), len(names))  # the last column is that of no value
    for n, r in enumerate(rows):
        for at, value in enumerate(r.strata):
            if value:
                codes[n, at] = place[at, value]
    position = {r.id: n for n, r in enumerate(rows)}
    known = [name for name in chosen if name in position]
    weights = 1 / np.array([(probabilities or {}).get(name, 1.0) for name in known])

    def shares(of: NDArray[np.int64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
        total = np.bincount(codes[of].ravel(), np.repeat(weight, width), minlength=len(names) + 1)[
            : len(names)
        ]
        return np.asarray(total / weight.sum())

    luck = np.random.default_rng([seed, 7])
    truth = shares(np.arange(len(rows)), np.ones(len(rows)))
    own = shares(np.array([position[name] for name in known], np.int64), weights)
    flat = np.ones(len(known))
    others = [shares(luck.choice(len(rows), len(known), replace=False), flat) for _ in range(draws)]

    def error(sample: NDArray[np.float64]) -> float:
        return float(np.sqrt(((sample - truth) ** 2).mean()))

    return Coverage(
        rows=len(known),
        groups=len(names),
        covered=int((own > 0).sum()),
        random=_middle([float((o > 0).sum()) for o in others], len(known)),
        error=error(own),
        error_random=_middle([error(o) for o in others], len(known)),
    )


def _middle(values: Sequence[float], n: int) -> Estimate:
    low, high = np.quantile(values, [0.025, 0.975])
    value = float(np.mean(values))
    return Estimate(
        value=value,
        low=min(float(low), value),
        high=max(float(high), value),
        n=n,
        method=f"{len(values)} random samples of the same size",
    )


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
    likeness = {
        name: max((score for _, score in near.to(text, count=1)), default=0.0)
        for name, text in rows.items()
    }
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
