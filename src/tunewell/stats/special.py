"""The distributions that intervals are made of: SciPy's where it is installed, else our own.

Both agree to eight digits, so that a figure that is shown does not depend on what else is
installed; SciPy's work on whole arrays at once and are the faster ones. No other file of the
statistics names SciPy's.
"""

from __future__ import annotations

try:
    from scipy.special import (
        bdtr,
        betainc,
        betaincinv,
        betaln,
        chdtrc,
        fdtri,
        nctdtr,
        ndtr,
        ndtri,
        stdtr,
        stdtrit,
    )
except ImportError:
    from tunewell.stats.special_plain import (
        bdtr,
        betainc,
        betaincinv,
        betaln,
        chdtrc,
        fdtri,
        nctdtr,
        ndtr,
        ndtri,
        stdtr,
        stdtrit,
    )

__all__ = [
    "bdtr",
    "betainc",
    "betaincinv",
    "betaln",
    "chdtrc",
    "fdtri",
    "nctdtr",
    "ndtr",
    "ndtri",
    "stdtr",
    "stdtrit",
]
