"""Whether two samples differ, by tests whose p-values know the sample sizes.

Kernel, Kolmogorov-Smirnov and chi-square.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.inputs import Floats, are_counts, critical, share
from tunewell.stats.proportions import Tested
from tunewell.types import Estimate

Kernel = Literal["mmd", "ks", "chi2"]
_MOST = 4000
_NEEDS_SCIPY = "test='ks' needs SciPy: pip install 'tunewell[scipy]'"
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
        >>> a, b = rng.normal(size=(80, 3)), rng.normal(size=(60, 3))
        >>> same = two_sample(a, b, permutations=199)
        >>> a, b = rng.normal(size=(80, 3)), rng.normal(size=(60, 3)) + 0.7
        >>> moved = two_sample(a, b, permutations=199)
        >>> same.p_value > 0.05, moved.p_value
        (True, 0.005)
    """
    share(level, "level")
    if permutations < 19:
        raise ValueError(f"'permutations' must be 19 or more. Got {permutations} instead.")
    x = _finite(a, "a")
    y = _finite(b, "b")
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


def _finite(values: ArrayLike, name: str) -> Floats:
    v = np.asarray(values, dtype=np.float64)
    if v.size == 0 or not np.isfinite(v).all():
        raise ValueError(f"'{name}' must hold finite numbers, one or more.")
    return v


def _permutation_p(null: Floats, seen: float, tolerance: float) -> float:
    """Share of permutations that are as far, the data themselves among them; never 0."""
    as_far = int((null >= seen - tolerance).sum())
    return (1 + as_far) / (null.size + 1)


# --- maximum mean discrepancy ---------------------------------------------------------------------


def _mmd(
    x: Floats,
    y: Floats,
    permutations: int,
    level: float,
    rng: np.random.Generator,
) -> Tested:
    x = x.reshape(len(x), -1)
    y = y.reshape(len(y), -1)
    n = len(x)
    m = len(y)
    if x.shape[1] != y.shape[1] or min(n, m) < 2:
        raise ValueError(
            f"'a' and 'b' must hold 2 rows or more of one width. Got {x.shape} and {y.shape}."
        )
    if n + m > _MOST:
        raise ValueError(
            f"'a' and 'b' must hold {_MOST} rows together at most: draw a sample. Got {n + m}."
        )

    kernel = _gaussian_kernel(np.concatenate([x, y]))
    inside = np.r_[np.ones(n), np.zeros(m)]
    value = float(_discrepancy(kernel, inside[None], n, m)[0])
    labels = np.zeros((permutations, n + m))
    for row in labels:
        row[rng.permutation(n + m)[:n]] = 1.0
    null = _discrepancy(kernel, labels, n, m)

    # Interval: jackknife over rows, the variance of a two-sample U-statistic, not below its spread
    # without a change.
    to_x = kernel @ inside
    to_y = kernel @ (1 - inside)
    own = to_x[:n] / (n - 1) - to_y[:n] / m
    other = to_y[n:] / (m - 1) - to_x[n:] / n
    variance = 4 * (own.var(ddof=1) / n + other.var(ddof=1) / m)
    spread = math.sqrt(variance + float(null.var()))
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
        estimate=estimate,
        p_value=_permutation_p(null, value, 1e-12),
        statistic=value,
        method=f"MMD, {permutations} permutations",
    )


def _gaussian_kernel(z: Floats) -> Floats:
    """Gaussian kernel of median width between all rows, its diagonal 0."""
    squares = (z**2).sum(1)
    distance = np.maximum(squares[:, None] + squares[None, :] - 2 * z @ z.T, 0.0)
    between = distance[np.triu_indices(len(z), 1)]
    width = float(np.median(between)) or float(between.mean()) or 1.0
    kernel: Floats = np.exp(-distance / width)
    np.fill_diagonal(kernel, 0.0)
    return kernel


def _discrepancy(
    kernel: Floats,
    first: Floats,
    n: int,
    m: int,
) -> Floats:
    """Unbiased squared discrepancy for each row of 0/1 labels, the kernel's diagonal being 0."""
    product = first @ kernel
    inside = (product * first).sum(1)
    total = float(kernel.sum())
    reach = product.sum(1)
    across = reach - inside
    outside = total - inside - 2 * across
    within_x = inside / (n * (n - 1))
    within_y = outside / (m * (m - 1))
    out: Floats = within_x + within_y - 2 * across / (n * m)
    return out


# --- Kolmogorov-Smirnov and chi-square ------------------------------------------------------------


def _ks(x: Floats, y: Floats, level: float) -> Tested:
    try:
        from scipy.stats import ks_2samp
    except ImportError as error:
        raise ImportError(_NEEDS_SCIPY) from error

    result = ks_2samp(x, y)
    gap = float(result.statistic)
    log_tail = math.log(4 / (1 - level))
    half = math.sqrt(log_tail / (2 * x.size)) + math.sqrt(log_tail / (2 * y.size))
    estimate = Estimate(
        value=gap,
        low=max(gap - half, 0.0),
        high=min(gap + half, 1.0),
        level=level,
        n=x.size + y.size,
        method="largest gap of the distribution functions, DKW",
    )
    return Tested(
        estimate=estimate,
        p_value=float(result.pvalue),
        statistic=gap,
        method="Kolmogorov-Smirnov",
    )


def _chi2(
    x: Floats,
    y: Floats,
    permutations: int,
    level: float,
    rng: np.random.Generator,
) -> Tested:
    from tunewell.stats.special import chdtrc

    empty = min(x.sum(), y.sum()) < 1
    if x.size != y.size or empty or not are_counts(np.concatenate([x, y])):
        raise ValueError("'a' and 'b' must hold counts of the same categories, not all 0.")
    counts = np.stack([x, y])
    counts = counts[:, counts.sum(0) > 0]
    sizes = counts.sum(1)
    expected = np.outer(sizes, counts.sum(0)) / counts.sum()
    statistic = float(((counts - expected) ** 2 / expected).sum())
    if (expected < 5).any():
        null = _permuted_chi2(counts, expected, permutations, rng)
        p = _permutation_p(null, statistic, 1e-9)
        method = f"chi-square, {permutations} permutations"
    else:
        p = float(chdtrc(max(counts.shape[1] - 1, 1), statistic))
        method = "chi-square, asymptotic"
    return Tested(
        estimate=_total_variation(counts, level, rng),
        p_value=p,
        statistic=statistic,
        method=method,
    )


def _permuted_chi2(
    counts: Floats,
    expected: Floats,
    permutations: int,
    rng: np.random.Generator,
) -> Floats:
    """The statistic where rows are dealt to the samples at random, shape (permutations,)."""
    categories = counts.shape[1]
    totals = counts.sum(0)
    pool = np.repeat(np.arange(categories), totals.astype(int))
    first = int(counts[0].sum())
    null = np.empty(permutations)
    for i in range(permutations):
        drawn = np.bincount(rng.permutation(pool)[:first], minlength=categories)
        table = np.stack([drawn, totals - drawn])
        null[i] = ((table - expected) ** 2 / expected).sum()
    return null


def _total_variation(
    counts: Floats,
    level: float,
    rng: np.random.Generator,
) -> Estimate:
    """Distance of two distributions over categories, by a bootstrap of both samples.

    The distance leans high by what two samples of one distribution would show.
    """
    sizes = counts.sum(1)
    shares = counts / sizes[:, None]
    value = float(np.abs(shares[0] - shares[1]).sum() / 2)

    first, second = (
        rng.multinomial(int(n), drawn_from, size=_DRAWS) / n
        for n, drawn_from in zip(sizes, shares, strict=True)
    )
    found = np.abs(first - second).sum(1) / 2
    tail = (1 - level) / 2
    low, high = np.quantile(found, [tail, (1 + level) / 2])
    lean = float(found.mean()) - value
    return Estimate(
        value=value,
        low=min(max(float(low) - 2 * lean, 0.0), value),
        high=max(min(float(high), 1.0), value),
        level=level,
        n=int(counts.sum()),
        method="total variation, bootstrap",
    )
