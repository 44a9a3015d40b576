"""The register of every figure that a page shows, with its interval, n and method."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from tunewell.report.number_format import explain, number_of, span_of, suffix
from tunewell.report.svg import element
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

    def show(
        self,
        estimate: Estimate,
        name: str,
        *,
        signed: bool = False,
    ) -> Markup:
        """The figure with its interval, a tooltip and a reference to its line in the register."""
        number = self._number_for(estimate, name, signed=signed)
        label = explain(estimate, signed=signed)
        reference = element(
            "a",
            str(number),
            class_="ref",
            href=f"#figure-{number}",
            aria_label=f"figure {number}: {label}",
        )
        value = element("b", number_of(estimate.value, estimate.unit, signed=signed))
        unit = _unit(estimate, signed=signed)
        interval = _interval(estimate, signed=signed)
        return element(
            "span",
            value,
            unit,
            interval,
            reference,
            class_="est",
            title=label,
        )

    def _number_for(
        self,
        estimate: Estimate,
        name: str,
        *,
        signed: bool,
    ) -> int:
        key = (name, estimate.model_dump_json())
        known = self._numbers.get(key)
        if known is not None:
            return known
        number = len(self.rows) + 1
        self._numbers[key] = number
        self.rows.append(Figure(number, name, estimate, signed))
        return number


def _unit(estimate: Estimate, *, signed: bool) -> Markup:
    unit = suffix(estimate.unit, signed=signed)
    return element("span", unit, class_="unit") if unit else Markup("")


def _interval(estimate: Estimate, *, signed: bool) -> Markup:
    if estimate.low == estimate.high:
        return Markup("")
    interval = element("span", span_of(estimate, signed=signed), class_="ci")
    return Markup(" ") + interval
