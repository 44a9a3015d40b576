"""SVG elements as text: what is put into them is escaped unless it is markup already."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

CROSS = "M-5.5-5.5L5.5 5.5M-5.5 5.5L5.5-5.5"
"""Path of the mark that says: on the wrong side."""


def element(tag: str, /, *children: str, **attributes: str | float) -> Markup:
    """An element with its attributes and what stands in it.

    Args:
        tag: Its name.
        children: Markup, or text to escape.
        attributes: By name, ``class_`` for ``class``, ``text_anchor`` for ``text-anchor``.

    Example:
        >>> element("text", "a < b", class_="muted", text_anchor="end", dy=4)
        Markup('<text class="muted" text-anchor="end" dy="4">a &lt; b</text>')
        >>> element("line", x1=0, x2="100%")
        Markup('<line x1="0" x2="100%"/>')
    """
    pairs = []
    for name, value in attributes.items():
        pairs.append(f' {name.rstrip("_").replace("_", "-")}="{escape(value)}"')
    opening = f"{tag}{''.join(pairs)}"
    if not children:
        return Markup(f"<{opening}/>")
    return Markup(f"<{opening}>{joined(children)}</{tag}>")


def joined(parts: Iterable[str]) -> Markup:
    """Elements one after the other."""
    return Markup("").join(parts)


def percent(value: float) -> str:
    """A position within a chart.

    Example:
        >>> percent(12.3456)
        '12.35%'
    """
    return f"{value:.2f}%"


def chart(name: str, *parts: str, label: str, height: int) -> Markup:
    """A chart as wide as the page lets it be, with its reading as text.

    Args:
        name: Its class in the style sheet.
        parts: What is drawn.
        label: What it shows, for those who do not see it.
        height: In pixels.
    """
    return element(
        "svg",
        *parts,
        class_=name,
        role="img",
        aria_label=label,
        height=height,
        width="100%",
    )


def stretched(*parts: str) -> Markup:
    """A drawing of 100 by 100 units that stretches with the chart it stands in."""
    return element(
        "svg",
        *parts,
        viewBox="0 0 100 100",
        preserveAspectRatio="none",
        width="100%",
        height="100%",
        overflow="visible",
    )


def level(name: str, y: float | str) -> Markup:
    """A line across the whole chart.

    Args:
        name: Its class in the style sheet.
        y: How far down, in pixels or as text in per cent.
    """
    return element("line", class_=name, x1=0, x2="100%", y1=y, y2=y)


def upright(name: str, x: str, top: float | str, bottom: float | str) -> Markup:
    """A line from top to bottom at one place of the chart's width."""
    return element("line", class_=name, x1=x, x2=x, y1=top, y2=bottom)


def marker(
    shape: str,
    *,
    x: float,
    y: float | str,
    class_: str = "",
) -> Markup:
    """A small shape at a place that moves with the width of the page, its own size unchanged.

    Args:
        shape: Drawn around the origin.
        x: In per cent of the chart.
        y: In per cent, or as text in pixels.
        class_: In the style sheet.
    """
    down = y if isinstance(y, str) else percent(y)
    place = {"x": percent(x), "y": down, "overflow": "visible"}
    if class_:
        place = {"class_": class_, **place}
    return element("svg", shape, **place)


def outcome_shape(kind: str) -> Markup:
    """A cross for ``nogo``, a ring for ``open``, a disc for all else.

    Meaning is never colour alone.
    """
    if kind == "nogo":
        return element("path", d=CROSS)
    if kind == "open":
        return element("circle", class_="ring", r=5)
    return element("circle", r=5.5)
