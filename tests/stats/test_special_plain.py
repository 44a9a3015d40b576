"""Our own distributions beside SciPy's, over the arguments that intervals ask for."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import scipy.special as oracle

from tunewell.stats import special_plain as plain

TAILS = [1e-12, 1e-6, 0.00125, 0.025, 0.2, 0.4, 0.49999, 0.5, 0.6, 0.9, 0.975, 0.9999]
COUNTS = [0.5, 1.0, 3.0, 17.5, 400.0, 30_000.0]
DEGREES = [1.0, 2.0, 2.7, 9.0, 120.0, 5_000.0, 1e6]
SHARES = [1e-9, 0.001, 0.2, 0.5, 0.87, 0.999]


def grid(*axes: list[float]) -> list[np.ndarray]:
    return [axis.ravel() for axis in np.meshgrid(*axes)]


@pytest.mark.parametrize(
    ("name", "axes"),
    [
        ("ndtr", ([-37.0, -8.0, -1.96, 0.0, 0.3, 5.0],)),
        ("ndtri", (TAILS,)),
        ("betaln", (COUNTS, COUNTS)),
        ("betainc", (COUNTS, COUNTS, SHARES)),
        ("betaincinv", (COUNTS, COUNTS, TAILS)),
        ("stdtrit", (DEGREES, TAILS)),
        ("stdtr", (DEGREES, [-9.0, -1.96, 0.0, 0.4, 3.0])),
        ("fdtri", ([1.0, 5.0, 40.0], [3.0, 28.0, 900.0], TAILS[2:])),
        ("chdtrc", ([1.0, 2.0, 7.0, 60.0, 2_000.0], [0.0, 0.4, 3.84, 50.0, 2_100.0])),
        ("nctdtr", ([1.0, 5.0, 40.0, 3_000.0], [0.0, 0.8, 3.0], [-2.0, 0.5, 1.96, 4.0])),
    ],
)
def test_agrees_with_scipy(name: str, axes: tuple[list[float], ...]) -> None:
    values = grid(*axes)
    ours = getattr(plain, name)(*values)
    theirs = getattr(oracle, name)(*values)
    # Below 1e-290 SciPy itself gives up digits.
    telling = np.abs(theirs) > 1e-290
    np.testing.assert_allclose(ours[telling], theirs[telling], rtol=2e-9, atol=1e-13)


def test_binomial_counts_agree_with_scipy() -> None:
    for n in (1, 7, 150, 9_000):
        for k in {0, n // 3, n // 2, n - 1, n}:
            expected = float(oracle.bdtr(k, n, 0.5))
            assert math.isclose(float(plain.bdtr(k, n, 0.5)), expected, rel_tol=1e-9)


def test_ends_are_ends() -> None:
    assert plain.ndtri([0.0, 1.0]).tolist() == [-math.inf, math.inf]
    assert plain.betaincinv(3, 4, [0.0, 1.0]).tolist() == [0.0, 1.0]
    assert float(plain.stdtrit(math.inf, 0.975)) == pytest.approx(1.959964, abs=1e-6)


WITHOUT_SCIPY = """
import sys
sys.modules["scipy"] = None
from tunewell.stats import proportion, two_sample, mean
print(proportion(15, 148), proportion(0, 20, method="clopper-pearson"), mean([1, 2, 4, 9.0]))
try:
    two_sample([1.0, 2, 3], [2.0, 3, 4], test="ks")
except ImportError as error:
    print(error)
"""


def test_intervals_are_the_same_without_scipy() -> None:
    from tunewell.stats import mean, proportion

    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SCIPY],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    first, second = done.stdout.splitlines()
    exact = proportion(0, 20, method="clopper-pearson")
    assert first == f"{proportion(15, 148)} {exact} {mean([1, 2, 4, 9.0])}"
    assert "pip install 'tunewell[scipy]'" in second
