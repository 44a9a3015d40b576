"""Distributions without SciPy, one value at a time; named as SciPy names them.

All rest on the incomplete beta function, except for the normal distribution, which Python has, and
chi-square's tail. Arguments may be arrays; the work is done element by element.

Source: Press, Teukolsky, Vetterling & Flannery 2007, Numerical Recipes, sections 6.2 and 6.4
(continued fractions by Lentz's method).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from statistics import NormalDist
from typing import Final

import numpy as np

_NORMAL: Final = NormalDist()
_ENOUGH: Final = 1e-16
"""Relative size of a term that no longer changes the sum."""
_MOST_TERMS: Final = 100_000
_TINY: Final = 1e-300
_FARTHEST: Final = 745.0
"""Log-odds beyond which a probability is 0 or 1 in double precision."""
_HALVINGS: Final = 64
_NODES: Final = 200
_SPREADS: Final = 10.0
"""Standard deviations to each side over which the noncentral t distribution is added up."""


def _ndtr(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def _ndtri(p: float) -> float:
    if p <= 0.0:
        return -math.inf
    if p >= 1.0:
        return math.inf
    return _NORMAL.inv_cdf(p)


def _betaln(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _betainc(a: float, b: float, x: float) -> float:
    if math.isnan(x) or x <= 0.0:
        return x if math.isnan(x) else 0.0
    if x >= 1.0:
        return 1.0
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - _betaln(a, b))
    # The fraction converges quickly on the side of the mean where the tail is.
    if x < (a + 1) / (a + b + 2):
        return front * _lentz(_beta_terms(a, b, x)) / a
    return 1.0 - front * _lentz(_beta_terms(b, a, 1.0 - x)) / b


def _beta_terms(a: float, b: float, x: float) -> Iterator[tuple[float, float]]:
    """Numerators and denominators of the continued fraction of the incomplete beta function."""
    yield 1.0, 1.0
    yield -(a + b) * x / (a + 1), 1.0
    for m in range(1, _MOST_TERMS):
        even = a + 2 * m
        yield m * (b - m) * x / ((even - 1) * even), 1.0
        yield -(a + m) * (a + b + m) * x / (even * (even + 1)), 1.0


def _gamma_terms(a: float, x: float) -> Iterator[tuple[float, float]]:
    """Numerators and denominators of the continued fraction of the upper incomplete gamma."""
    yield 1.0, x + 1 - a
    for m in range(1, _MOST_TERMS):
        yield -m * (m - a), x + 2 * m + 1 - a


def _lentz(terms: Iterator[tuple[float, float]]) -> float:
    """The value of a continued fraction, from its front."""
    value = _TINY
    above = value
    below = 0.0
    for numerator, denominator in terms:
        below = 1.0 / (denominator + numerator * below or _TINY)
        above = denominator + numerator / above or _TINY
        change = above * below
        value *= change
        if abs(change - 1.0) < _ENOUGH:
            break
    return value


def _betaincinv(a: float, b: float, p: float) -> float:
    if p <= 0.0:
        return 0.0
    if p >= 1.0:
        return 1.0
    low, high = -_FARTHEST, _FARTHEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _betainc(a, b, _share_of(middle)) < p:
            low = middle
        else:
            high = middle
    return _share_of((low + high) / 2)


def _share_of(log_odds: float) -> float:
    if log_odds < 0:
        odds = math.exp(log_odds)
        return odds / (1.0 + odds)
    return 1.0 / (1.0 + math.exp(-log_odds))


def _stdtrit(df: float, p: float) -> float:
    if math.isinf(df) or p <= 0.0 or p >= 1.0:
        return _ndtri(p)
    if p > 0.5:
        return -_stdtrit(df, 1.0 - p)
    # Near the middle t² is small beside df: the complement keeps its digits.
    if p > 0.25:
        near = _betaincinv(0.5, df / 2, 1.0 - 2 * p)
        return -math.sqrt(df * near / (1.0 - near))
    far = _betaincinv(df / 2, 0.5, 2 * p)
    return -math.sqrt(df * (1.0 - far) / far)


def _stdtr(df: float, t: float) -> float:
    tail = _betainc(df / 2, 0.5, df / (df + t * t)) / 2
    return tail if t <= 0 else 1.0 - tail


def _fdtri(numerator: float, denominator: float, p: float) -> float:
    x = _betaincinv(numerator / 2, denominator / 2, p)
    return denominator * x / (numerator * (1.0 - x)) if x < 1.0 else math.inf


def _bdtr(k: float, n: float, p: float) -> float:
    whole = math.floor(k)
    if whole >= n:
        return 1.0
    return _betainc(n - whole, whole + 1.0, 1.0 - p) if whole >= 0 else 0.0


def _chdtrc(df: float, x: float) -> float:
    a, half = df / 2, x / 2
    if half <= 0.0:
        return 1.0
    front = math.exp(a * math.log(half) - half - math.lgamma(a))
    if half >= a + 1:
        return front * _lentz(_gamma_terms(a, half))
    term = total = 1.0 / a
    for m in range(1, _MOST_TERMS):
        term *= half / (a + m)
        total += term
        if term < total * _ENOUGH:
            break
    return 1.0 - front * total


def _nctdtr(df: float, shift: float, t: float) -> float:
    """The normal distribution of ``t`` times a standard deviation, averaged over the latter."""
    reach = _SPREADS / math.sqrt(2 * df)
    low, high = max(0.0, 1.0 - reach), 1.0 + reach
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    deviation = (high - low) / 2 * nodes + (high + low) / 2
    scale = math.log(2) + df / 2 * math.log(df / 2) - math.lgamma(df / 2)
    density = np.exp(scale + (df - 1) * np.log(deviation) - df * deviation**2 / 2)
    below = np.array([_ndtr(t * each - shift) for each in deviation])
    return float((high - low) / 2 * (weights @ (density * below)))


def _over_arrays(function: Callable[..., float]) -> np.vectorize:
    return np.vectorize(function, otypes=[np.float64])


ndtr = _over_arrays(_ndtr)
ndtri = _over_arrays(_ndtri)
betaln = _over_arrays(_betaln)
betainc = _over_arrays(_betainc)
betaincinv = _over_arrays(_betaincinv)
stdtr = _over_arrays(_stdtr)
stdtrit = _over_arrays(_stdtrit)
fdtri = _over_arrays(_fdtri)
bdtr = _over_arrays(_bdtr)
chdtrc = _over_arrays(_chdtrc)
nctdtr = _over_arrays(_nctdtr)
