"""Many tests at once, and tests against a margin."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.inputs import Bools, Floats, positive, share, vector
from tunewell.types import Estimate, Value


class Equivalence(Value):
    """Whether a difference is within a margin, as far as its interval can say.

    Attributes:
        estimate: The difference.
        margin: The smallest difference that matters, above 0.
        kind: ``non-inferiority`` (not worse by the margin or more) or ``equivalence`` (neither
            worse nor better).
        holds: True when shown, False when refuted, None when the interval leaves it open.
    """

    estimate: Estimate
    margin: float
    kind: Literal["non-inferiority", "equivalence"]
    holds: bool | None


def equivalence(
    difference: Estimate,
    *,
    margin: float,
    kind: Literal["non-inferiority", "equivalence"] = "non-inferiority",
) -> Equivalence:
    """Hold a difference (new minus old, larger is better) against a margin.

    The claim is made only when the whole interval lies on the right side: at level .95 a false
    claim of non-inferiority has a probability of at most 2.5 %. For the two one-sided tests at 5 %
    give an interval at .90.

    Args:
        difference: From `difference`, `corrected_difference`, `win_rate` minus one half …
        margin: In the unit of the difference, above 0.
        kind: One side or both.

    Source:
        Schuirmann 1987, J. Pharmacokinetics and Biopharmaceutics 15.

    Example:
        >>> e = Estimate(value=-0.01, low=-0.02, high=0.0, n=400, method="t")
        >>> equivalence(e, margin=0.03).holds, equivalence(e, margin=0.015).holds
        (True, None)
    """
    positive(margin, "margin")
    if kind not in ("non-inferiority", "equivalence"):
        raise ValueError(f"'kind' must be non-inferiority or equivalence. Got {kind!r} instead.")
    holds = _above(difference, -margin)
    if kind == "equivalence":
        not_better = _below(difference, margin)
        holds = _both(holds, not_better)
    return Equivalence(estimate=difference, margin=margin, kind=kind, holds=holds)


def _above(e: Estimate, limit: float) -> bool | None:
    """Whether the truth is above a limit: True when shown, False when refuted, else None."""
    if e.low > limit:
        return True
    return False if e.high <= limit else None


def _below(e: Estimate, limit: float) -> bool | None:
    """The same of below."""
    if e.high < limit:
        return True
    return False if e.low >= limit else None


def _both(a: bool | None, b: bool | None) -> bool | None:
    """Whether both hold, as far as it is known."""
    known = {a, b}
    if False in known:
        return False
    return None if None in known else True


def _p_values(p_values: ArrayLike) -> Floats:
    p = np.asarray(p_values, dtype=np.float64)
    if p.size == 0:
        return p.reshape(0)
    p = vector(p, "p_values")
    outside = p[(p < 0) | (p > 1)]
    if outside.size:
        raise ValueError(f"'p_values' must lie in [0, 1]. Got {outside[0]} instead.")
    return p


def benjamini_hochberg(p_values: ArrayLike, *, q: float = 0.05) -> Bools:
    """Which hypotheses to reject so that at most a share ``q`` of rejections is expected false.

    Args:
        p_values: Shape (m,), in [0, 1], from independent (or positively dependent) tests.
        q: False discovery rate, in (0, 1).

    Returns:
        True where rejected, shape (m,), in the order given.

    Source:
        Benjamini & Hochberg 1995, JRSS B 57, procedure (1).

    Example:
        >>> benjamini_hochberg([0.001, 0.02, 0.04, 0.9]).tolist()
        [True, True, False, False]
    """
    p = _p_values(p_values)
    m = p.size
    share(q, "q")
    order = np.argsort(p, kind="stable")
    limits = q * np.arange(1, m + 1) / max(m, 1)
    below = np.flatnonzero(p[order] <= limits)
    rejected = np.zeros(m, dtype=np.bool_)
    if below.size:
        last = below[-1]
        rejected[order[: last + 1]] = True
    return rejected


def holm(p_values: ArrayLike, *, alpha: float = 0.05) -> Bools:
    """Which hypotheses to reject so that any is false with a probability of at most ``alpha``.

    Holds under any dependence.

    Args:
        p_values: Shape (m,), in [0, 1].
        alpha: Family-wise error rate, in (0, 1).

    Returns:
        True where rejected, shape (m,), in the order given.

    Source:
        Holm 1979, Scandinavian Journal of Statistics 6.

    Example:
        >>> holm([0.001, 0.02, 0.04, 0.9]).tolist()
        [True, False, False, False]
    """
    p = _p_values(p_values)
    m = p.size
    share(alpha, "alpha")
    order = np.argsort(p, kind="stable")
    limits = alpha / np.arange(m, 0, -1)
    passed = p[order] <= limits
    stop = m if passed.all() else int(np.argmin(passed))
    rejected = np.zeros(m, dtype=np.bool_)
    rejected[order[:stop]] = True
    return rejected
