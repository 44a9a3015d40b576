"""How figures and slices are written."""

from __future__ import annotations

from tunewell.types import Estimate


def as_read(value: float, unit: str, *, signed: bool = False) -> str:
    """A figure as people read it: shares as per cent, differences of shares as points.

    Example:
        >>> as_read(0.976, "share"), as_read(-0.05, "share", signed=True), as_read(3.0, "words")
        ('97.6 %', '-5 points', '3 words')
    """
    if unit != "share":
        return f"{value:+.3g} {unit}".rstrip() if signed else f"{value:.3g} {unit}".rstrip()
    text = f"{100 * value:+.1f}" if signed else f"{100 * value:.1f}"
    return f"{text.removesuffix('.0')} {'points' if signed else '%'}"


def interval_as_read(estimate: Estimate, *, signed: bool = False) -> str:
    """A figure with its interval, the unit once.

    Example:
        >>> e = Estimate(value=0.05, low=-0.01, high=0.11, n=9, method="t", unit="share")
        >>> interval_as_read(e, signed=True), interval_as_read(e)
        ('+5 points (-1 to +11)', '5 % (-1 to 11)')
    """
    low, high = (
        as_read(end, estimate.unit, signed=signed) for end in (estimate.low, estimate.high)
    )
    ends = f"{low.split(' ')[0]} to {high.split(' ')[0]}"
    return f"{as_read(estimate.value, estimate.unit, signed=signed)} ({ends})"


def on_slice(name: str) -> str:
    """Where a figure holds: nothing for all rows.

    Example:
        >>> on_slice("region=north"), on_slice("")
        (' on region=north', '')
    """
    return f" on {name}" if name else ""
