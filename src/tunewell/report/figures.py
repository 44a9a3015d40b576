"""Figures in words, and the register of every figure that a page shows with its interval, n and method."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup, escape

from tunewell.report.text import plain
from tunewell.types import Estimate


@dataclass(frozen=True)
class Figure:
    """One line of the register.

    Attributes:
        number: What the page refers to it by.
        name: What it is.
        estimate: The figure itself.
        signed: Whether it is a difference.
    """

    number: int
    name: str
    estimate: Estimate
    signed: bool


class Figures:
    """Shows Estimates and remembers each of them for the table at the end of the page."""

    def __init__(self) -> None:
        self.rows: list[Figure] = []
        self._numbers: dict[tuple[str, str], int] = {}

    def show(self, estimate: Estimate, name: str, *, signed: bool = False) -> Markup:
        """The figure with its interval, a tooltip and a reference to its line in the register."""
        key = (name, estimate.model_dump_json())
        if key not in self._numbers:
            self._numbers[key] = len(self.rows) + 1
            self.rows.append(Figure(len(self.rows) + 1, name, estimate, signed))
        number = self._numbers[key]
        unit = suffix(estimate.unit, signed=signed)
        interval = "" if estimate.low == estimate.high else _span(estimate, signed=signed)
        label = escape(explain(estimate, signed=signed))
        return Markup(
            '<span class="est" title="{label}"><b>{value}</b>{unit}{interval}'
            '<a class="ref" href="#figure-{number}" aria-label="figure {number}: {label}">{number}</a></span>'
        ).format(
            label=label,
            value=number_of(estimate.value, estimate.unit, signed=signed),
            unit=Markup('<span class="unit">{}</span>').format(unit) if unit else "",
            interval=Markup(' <span class="ci">{}</span>').format(interval) if interval else "",
            number=number,
        )


def number_of(value: float, unit: str = "", *, signed: bool = False) -> str:
    """A number as people read it: shares as per cent, counts with separators, the rest with two decimals or more.

    Example:
        >>> number_of(0.825, "share"), number_of(-0.0512, "share", signed=True), number_of(12345, "rows")
        ('82.5', '−5.1', '12,345')
    """
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    scaled = value * 100 if unit == "share" else value
    size = abs(scaled)
    if abs(size - round(size)) < 1e-9:
        text = f"{size:,.0f}"
    elif unit == "share":
        text = f"{size:.1f}"
        text = "0" if text == "0.0" else text
    elif size >= 0.0995:
        text = f"{size:,.0f}" if size >= 1000 else f"{size:.1f}" if size >= 100 else f"{size:.2f}"
    else:
        text = f"{size:.3f}" if size >= 0.00995 else f"{size:.2g}"
    sign = "−" if scaled < 0 and text != "0" else "+" if signed and text != "0" else ""
    return sign + text


def suffix(unit: str, *, signed: bool = False) -> str:
    """The unit as it stands after a number."""
    if unit == "share":
        return " pts" if signed else " %"
    return f" {plain(unit, limit=24)}" if unit else ""


def explain(estimate: Estimate, *, signed: bool = False) -> str:
    """Interval, level, n and method in one line, for tooltips and screen readers."""
    unit = suffix(estimate.unit, signed=signed).replace(" pts", " percentage points")
    if estimate.low == estimate.high:
        return (
            f"{number_of(estimate.value, estimate.unit, signed=signed)}{unit}, exact, n = {estimate.n:,}, "
            + plain(estimate.method)
        )
    low, high = (number_of(x, estimate.unit, signed=signed) for x in (estimate.low, estimate.high))
    return f"{low} to {high}{unit} at {estimate.level:.0%} confidence, n = {estimate.n:,}, {plain(estimate.method)}"


def _span(estimate: Estimate, *, signed: bool) -> str:
    low, high = (number_of(x, estimate.unit, signed=signed) for x in (estimate.low, estimate.high))
    return f"{low} to {high}"


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
    return (
        f"{size_bytes / 2**30:.1f} GiB" if size_bytes >= 2**30 else f"{size_bytes / 2**20:.0f} MiB"
    )
