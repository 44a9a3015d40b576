"""Numbers, durations and sizes as people read them."""

from __future__ import annotations

import math
from typing import Final

from tunewell.plurals import per_cent
from tunewell.report.safe_text import plain
from tunewell.types import Estimate

_FORMS: Final = (
    (1000, ",.0f"),
    (100, ".1f"),
    (0.0995, ".2f"),
    (0.00995, ".3f"),
)
"""How a number of at least this size is written; a smaller one with two digits that count."""

_ROUNDING_ERROR: Final = 1e-9


def number_of(
    value: float,
    unit: str = "",
    *,
    signed: bool = False,
) -> str:
    """A number as people read it.

    Shares as per cent, counts with separators, the rest with two decimals or more.

    Example:
        >>> number_of(0.825, "share"), number_of(-0.0512, "share", signed=True)
        ('82.5', '−5.1')
        >>> number_of(12345, "rows")
        '12,345'
    """
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if unit == "share":
        value *= 100
        text = _percentage(abs(value))
    else:
        text = _digits(abs(value))
    if text == "0":
        return text
    if value < 0:
        return f"−{text}"
    return f"+{text}" if signed else text


def _percentage(size: float) -> str:
    if _is_whole(size):
        return f"{size:,.0f}"
    text = f"{size:.1f}"
    return "0" if text == "0.0" else text


def _digits(size: float) -> str:
    if _is_whole(size):
        return f"{size:,.0f}"
    for least, form in _FORMS:
        if size >= least:
            return format(size, form)
    return f"{size:.2g}"


def _is_whole(size: float) -> bool:
    return abs(size - round(size)) < _ROUNDING_ERROR


def suffix(unit: str, *, signed: bool = False) -> str:
    """The unit as it stands after a number."""
    if unit == "share":
        return " pts" if signed else " %"
    return f" {plain(unit, limit=24)}" if unit else ""


def with_unit(
    value: float,
    unit: str,
    *,
    signed: bool = False,
) -> str:
    """A number and its unit.

    Example:
        >>> with_unit(0.05, "share", signed=True), with_unit(1.7, "nats")
        ('+5 pts', '1.70 nats')
    """
    return number_of(value, unit, signed=signed) + suffix(unit, signed=signed)


def span_of(estimate: Estimate, *, signed: bool = False) -> str:
    """The two ends of an interval, without the unit."""
    low = number_of(estimate.low, estimate.unit, signed=signed)
    high = number_of(estimate.high, estimate.unit, signed=signed)
    return f"{low} to {high}"


def explain(estimate: Estimate, *, signed: bool = False) -> str:
    """Interval, level, n and method in one line, for tooltips and screen readers."""
    unit = suffix(estimate.unit, signed=signed).replace(" pts", " percentage points")
    source = f"n = {estimate.n:,}, {plain(estimate.method)}"
    if estimate.low == estimate.high:
        value = number_of(estimate.value, estimate.unit, signed=signed)
        return f"{value}{unit}, exact, {source}"
    span = span_of(estimate, signed=signed)
    return f"{span}{unit} at {per_cent(estimate.level)} confidence, {source}"


def described(estimate: Estimate, *, signed: bool = False) -> str:
    """The value and how it was made, for a screen reader."""
    value = number_of(estimate.value, estimate.unit, signed=signed)
    return f"{value}, {explain(estimate, signed=signed)}"


def duration(seconds: float) -> str:
    """Seconds as people say them.

    Example:
        >>> duration(0.4), duration(75), duration(4050), duration(200000)
        ('0.4 s', '1 min 15 s', '1 h 07 min', '2 d 7 h')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 172_800:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def memory(size_bytes: int) -> str:
    """Bytes as people say them.

    Example:
        >>> memory(1_814_036_480), memory(0)
        ('1.7 GiB', '–')
    """
    if not size_bytes:
        return "–"
    if size_bytes >= 2**30:
        return f"{size_bytes / 2**30:.1f} GiB"
    return f"{size_bytes / 2**20:.0f} MiB"
