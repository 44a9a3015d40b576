"""Whether two samples differ: kernel, Kolmogorov-Smirnov and chi-square tests whose p-values know the sample sizes."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.inputs import Floats, share
from tunewell.stats.proportions import Tested
from tunewell.types import Estimate

Kernel = Literal["mmd", "ks", "chi2"]
_MOST = 4000
_DRAWS = 200


def two_sample(
    a: ArrayLike,
    b: ArrayLike,
    *,
    test: Kernel = "mmd",
    permutations: int = 999,
    level: float = 0.95,
    seed: int = 0,
) -> Tested:
    """Whether two samples are of one distribution, and how far apart they are.

    The p-value is of the samples at hand, whatever their sizes: no fixed distance is called drift.

    Args:
        a: ``mmd``: rows, shape (n,) or (n, features); ``ks``: values, shape (n,); ``chi2``: counts
            of the categories, shape (k,).
        b: The same of the other sample; ``chi2``: counts of the same k categories.
        test: ``mmd`` (maximum mean discrepancy, Gaussian kernel of median width, any shape of
            change), ``ks`` (one number a row), ``chi2`` (categories).
        permutations: For ``mmd``, and for ``chi2`` where a count below 5 is expected.
        level: Of the interval of the distance.
        seed: Of the permutations.

    Returns:
        The distance with its interval (squared discrepancy; largest gap of the distribution
        functions; total variation), the p-value and the statistic. p-values of permutations are
        never 0.

    Source:
        Gretton et al. 2012, JMLR 13, equation 3; Phipson & Smyth 2010 (p-values); Dvoretzky, Kiefer
        & Wolfowitz for the interval of the gap.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> same = two_sample(rng.normal(size=(80, 3)), rng.normal(size=(60, 3)), permutations=199)
        >>> moved = two_sample(rng.normal(size=(80, 3)), rng.normal(size=(60, 3)) + 0.7, permutations=199)
        >>> same.p_value > 0.05, moved.p_value
        (True, 0.005)
    """
    share(level, "level")
    if permutations < 19:
        raise ValueError(f"'permutations' must be 19 or more. Got {permutations} instead.")
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    for name, v in (("a", x), ("b", y)):
        if v.size == 0 or not np.isfinite(v).all():
            raise ValueError(f"'{name}' must hold finite numbers, one or more.")
    rng = np.random.default_rng(seed)
    if test == "mmd":
        return _mmd(x, y, permutations, level, rng)
    if x.ndim != 1 or y.ndim != 1:
        raise ValueError(
            f"'a' and 'b' must have one dimension for {test}. Got shapes {x.shape} and {y.shape}."
        )
    if test == "ks":
        return _ks(x, y, level)
    if test == "chi2":
        return _chi2(x, y, permutations, level, rng)
    raise ValueError(f"'test' must be mmd, ks or chi2. Got {test!r} instead.")


def _mmd(x: Floats, y: Floats, permutations: int, level: float, rng: np.random.Generator) -> Tested:
    x, y = (v[:, None] if v.ndim == 1 else v.reshape(len(v), -1) for v in (x, y))
    if x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise ValueError(
            f"'a' and 'b' must hold 2 rows or more of one width. Got {x.shape} and {y.shape}."
        )
    if len(x) + len(y) > _MOST:
        raise ValueError(
            f"'a' and 'b' must hold {_MOST} rows together at most: draw a sample. Got {len(x) + len(y)}."
        )
    z = np.concatenate([x, y])
    squares = (z**2).sum(1)
    distance = np.maximum(squares[:, None] + squares[None, :] - 2 * z @ z.T, 0.0)
    positive = distance[np.triu_indices(len(z), 1)]
    width = float(np.median(positive)) or float(positive.mean()) or 1.0
    kernel = np.exp(-distance / width)
    np.fill_diagonal(kernel, 0.0)
    n, m = len(x), len(y)
    value = float(_discrepancy(kernel, np.r_[np.ones(n), np.zeros(m)][None], n, m)[0])
    labels = np.zeros((permutations, n + m))
    for row in labels:
        row[rng.permutation(n + m)[:n]] = 1.0
    null = _discrepancy(kernel, labels, n, m)
    p = (1 + int((null >= value - 1e-12).sum())) / (permutations + 1)
    # Interval: jackknife over rows, the variance of a two-sample U-statistic, not below its spread
    # without a change.
    inside = np.r_[np.ones(n), np.zeros(m)]
    to_x, to_y = kernel @ inside, kernel @ (1 - inside)
    own = to_x[:n] / (n - 1) - to_y[:n] / m
    other = to_y[n:] / (m - 1) - to_x[n:] / n
    spread = math.sqrt(4 * (own.var(ddof=1) / n + other.var(ddof=1) / m) + float(null.var()))
    from tunewell.stats.inputs import critical

    half = critical(level, min(n, m) - 1) * spread
    estimate = Estimate(
        value=value,
        low=value - half,
        high=value + half,
        level=level,
        n=n + m,
        method="MMD squared, unbiased",
    )
    return Tested(
        estimate=estimate, p_value=p, statistic=value, method=f"MMD, {permutations} permutations"
    )


def _discrepancy(kernel: Floats, first: Floats, n: int, m: int) -> Floats:
    """Unbiased squared discrepancy for each row of 0/1 labels, the kernel's diagonal being 0."""
    product = first @ kernel
    inside = (product * first).sum(1)
    total = float(kernel.sum())
    reach = product.sum(1)
    across = reach - inside
    outside = total - inside - 2 * across
    out: Floats = inside / (n * (n - 1)) + outside / (m * (m - 1)) - 2 * across / (n * m)
    return out


def _ks(x: Floats, y: Floats, level: float) -> Tested:
    from scipy.stats import ks_2samp

    result = ks_2samp(x, y)
    gap = float(result.statistic)
    half = sum(math.sqrt(math.log(4 / (1 - level)) / (2 * v.size)) for v in (x, y))
    estimate = Estimate(
        value=gap,
        low=max(gap - half, 0.0),
        high=min(gap + half, 1.0),
        level=level,
        n=x.size + y.size,
        method="largest gap of the distribution functions, DKW",
    )
    return Tested(
        estimate=estimate, p_value=float(result.pvalue), statistic=gap, method="Kolmogorov-Smirnov"
    )


def _chi2(
    x: Floats, y: Floats, permutations: int, level: float, rng: np.random.Generator
) -> Tested:
    from scipy.special import chdtrc

    counts = np.stack([x, y]) if x.size == y.size else np.empty(0)
    if (
        counts.size == 0
        or (counts < 0).any()
        or (counts != np.round(counts)).any()
        or (counts.sum(1) < 1).any()
    ):
        raise ValueError("'a' and 'b' must hold counts of the same categories, not all 0.")
    counts = counts[:, counts.sum(0) > 0]
    sizes = counts.sum(1)
    expected = np.outer(sizes, counts.sum(0)) / counts.sum()
    statistic = float(((counts - expected) ** 2 / expected).sum())
    if (expected < 5).any():
        pool = np.repeat(np.arange(counts.shape[1]), counts.sum(0).astype(int))
        first = int(sizes[0])
        null = np.empty(permutations)
        for i in range(permutations):
            drawn = np.bincount(rng.permutation(pool)[:first], minlength=counts.shape[1])
            table = np.stack([drawn, counts.sum(0) - drawn])
            null[i] = ((table - expected) ** 2 / expected).sum()
        p, method = (
            (1 + int((null >= statistic - 1e-9).sum())) / (permutations + 1),
            f"{permutations} permutations",
        )
    else:
        p, method = float(chdtrc(max(counts.shape[1] - 1, 1), statistic)), "asymptotic"
    shares = counts / sizes[:, None]
    apart = float(np.abs(shares[0] - shares[1]).sum() / 2)
    # Bootstrap of both samples; the distance leans high by what two samples of one distribution
    # would show.
    draws = [
        rng.multinomial(int(n), s, size=_DRAWS) / n for n, s in zip(sizes, shares, strict=True)
    ]
    found = np.abs(draws[0] - draws[1]).sum(1) / 2
    low, high = (float(v) for v in np.quantile(found, [(1 - level) / 2, (1 + level) / 2]))
    lean = float(found.mean()) - apart
    estimate = Estimate(
        value=apart,
        low=min(max(low - 2 * lean, 0.0), apart),
        high=max(min(high, 1.0), apart),
        level=level,
        n=int(counts.sum()),
        method="total variation, bootstrap",
    )
    return Tested(estimate=estimate, p_value=p, statistic=statistic, method=f"chi-square, {method}")
