"""The map of the rows as inline SVG: islands of meaning, and a mark for each row.

Rows that were dropped and islands where rows are missing are told apart by shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from tunewell.plurals import per_cent, plural
from tunewell.report.safe_text import plain
from tunewell.report.svg import element
from tunewell.similar.shown_families import KEPT, TEST, Island, Map

Floats = NDArray[np.float64]

WIDTH: Final = 1000.0
LAND: Final = 0.17
"""Share of a square of half the width that all islands cover together."""

HUES: Final = 7
MOST_MARKS: Final = 2_400
"""Rows that are drawn; of a larger map every second, third … row of each island and fate."""

_LABEL: Final = 40.0
_CHARACTER: Final = 7.6
_SHORTEST_LABEL: Final = 22
_LEAST_RADIUS: Final = 17.0
_ROUNDS: Final = 120
_TOP: Final = 60
_DEPTH: Final = 420
"""Height over which the islands are spread before they are pushed apart."""

_TOUCHING: Final = 0.5
"""Boxes that cover each other by no more than this do not overlap."""

_FEWEST_TO_CORRELATE: Final = 4
_SMALLEST_DOT: Final = 2.2
_LARGEST_DOT: Final = 7.0


@dataclass(frozen=True)
class Drawn:
    """The map as it is shown.

    Attributes:
        svg: The drawing.
        islands: In the order of their numbers.
        true_to: Rank correlation of the distances drawn with the distances in meaning; None with
            fewer than four.
        marks: How many rows each mark stands for.
    """

    svg: Markup
    islands: tuple[Island, ...]
    true_to: float | None
    marks: int


@dataclass(frozen=True)
class _Shape:
    """The mark of a row: where its path begins beside the row's place, and how it goes on."""

    steps: str
    stroke: float
    left: float = 0.0
    above: float = 0.0


@dataclass(frozen=True)
class _Marks:
    """How rows are marked: the size of a dot, and how many rows each stands for."""

    dot: float
    every: int


def draw(found: Map) -> Drawn:
    """Draw a map; colours come from the page's style sheet."""
    radii = _radii(found)
    places = np.array([island.at for island in found.islands])
    at = _apart(places, radii, list(map(label, found.islands)))
    highest = float((at[:, 1] - radii).min())
    at[:, 1] -= highest - _LABEL - 6
    height = float((at[:, 1] + radii).max()) + 14

    marks = _marks_for(found, float(radii[0]))
    islands = []
    for number, island in enumerate(found.islands):
        place = float(at[number, 0]), float(at[number, 1])
        islands.append(
            _island(
                number,
                island,
                place,
                float(radii[number]),
                marks,
            )
        )
    count = plural(len(found.islands), "cluster")
    svg = element(
        "svg",
        *islands,
        class_="map",
        viewBox=f"0 0 {WIDTH:.0f} {height:.0f}",
        role="img",
        aria_label=f"Map of {count} of rows by meaning; the list below says the same in words.",
    )
    return Drawn(svg, found.islands, _true_to(found, at), marks.every)


def label(island: Island) -> str:
    """What to call an island."""
    return plain(", ".join(island.words) or "no distinctive words", limit=44)


def state(island: Island) -> str:
    """``gap``, ``emptied`` or nothing."""
    if island.missing:
        return "gap"
    return "emptied" if island.emptied else ""


def said(island: Island) -> str:
    """What stands below its name: how many rows, how many were dropped, what is missing."""
    parts = [plural(island.size, "row")]
    if island.dropped:
        parts.append(f"{per_cent(island.dropped / island.size)} dropped")
    if island.missing:
        parts.append(f"about {island.missing.value:,.0f} missing")
    return " · ".join(parts)


def _marks_for(found: Map, largest_radius: float) -> _Marks:
    """Marks of a size that fills the largest island without covering it."""
    rows = sum(island.size for island in found.islands)
    every = max(1, round(rows / MOST_MARKS))
    largest = max(found.islands[0].size, 1)
    dot = 0.62 * largest_radius * np.sqrt(np.pi * every / largest)
    return _Marks(float(np.clip(dot, _SMALLEST_DOT, _LARGEST_DOT)), every)


def _radii(found: Map) -> Floats:
    """Radii by which an island's area is in proportion to its rows."""
    sizes = np.array([island.size for island in found.islands], dtype=np.float64)
    areas = LAND * WIDTH * WIDTH / 2 * sizes / sizes.sum()
    radii: Floats = 1.35 * np.sqrt(areas / np.pi)
    return np.maximum(radii, _LEAST_RADIUS)


def _apart(
    places: Floats,
    radii: Floats,
    labels: Sequence[str],
) -> Floats:
    """Places on the page, shape (islands, 2), where nothing covers an island or a label.

    As given, spread to the width, then pushed.
    """
    half = _half_boxes(radii, labels)
    share = (_spread(places) + _ranked(places)) / 2
    least, most = half[:, 0], WIDTH - half[:, 0]
    across = least + share[:, 0] * (most - least)
    at = np.column_stack([across, _TOP + share[:, 1] * _DEPTH])
    for _ in range(_ROUNDS):
        moved = _push(at, half)
        at[:, 0] = np.clip(at[:, 0], least, most)
        if not moved:
            break
    return _settled(at, half)


def _half_boxes(radii: Floats, labels: Sequence[str]) -> Floats:
    """Half the width and height that an island takes with its label, shape (islands, 2)."""
    letters = np.array([max(len(text), _SHORTEST_LABEL) for text in labels])
    width = np.maximum(radii, letters * _CHARACTER / 2) + 8
    return np.column_stack([width, radii + _LABEL / 2 + 6])


def _spread(places: Floats) -> Floats:
    """Places as measured, on 0–1."""
    span = np.ptp(places, axis=0)
    width = np.where(span > 0, span, 1.0)
    spread: Floats = (places - places.min(axis=0)) / width
    return spread


def _ranked(places: Floats) -> Floats:
    """Places by their order alone, on 0–1: an even use of the page."""
    order = np.argsort(places, axis=0, kind="stable")
    ranks = np.argsort(order, axis=0, kind="stable")
    ranked: Floats = ranks / max(len(places) - 1, 1)
    return ranked


def _push(at: Floats, half: Floats) -> bool:
    """Push every two boxes that overlap apart, in place; whether any was moved."""
    moved = False
    for i in range(len(at)):
        for j in range(i):
            over = half[i] + half[j] - np.abs(at[i] - at[j])
            if (over <= _TOUCHING).any():
                continue
            moved = True
            axis = int(over[1] <= over[0] * 1.15)
            push = over[axis] / 2
            if at[i, axis] < at[j, axis]:
                push = -push
            at[i, axis] += push
            at[j, axis] -= push
    return moved


def _settled(at: Floats, half: Floats) -> Floats:
    """From the top down, each box is lowered until it lies on no other: this always ends."""
    order = np.argsort(at[:, 1], kind="stable")
    for n, i in enumerate(order):
        above = order[:n]
        distance = np.abs(at[above, 0] - at[i, 0])
        beside = above[distance < half[above, 0] + half[i, 0] - _TOUCHING]
        tops = at[beside, 1] - half[beside, 1]
        for j in beside[np.argsort(tops, kind="stable")]:
            room = half[i, 1] + half[j, 1]
            distance_down = abs(at[i, 1] - at[j, 1])
            if distance_down < room - _TOUCHING:
                at[i, 1] = at[j, 1] + room
    return at


def _true_to(found: Map, at: Floats) -> float | None:
    """Spearman's rank correlation of the distances drawn with those in meaning."""
    if len(at) < _FEWEST_TO_CORRELATE:
        return None
    pairs = np.triu_indices(len(at), 1)
    distances = np.linalg.norm(at[:, None] - at[None], axis=2)
    drawn = _centred_ranks(distances[pairs])
    meant = _centred_ranks(np.array(found.apart)[pairs])
    scale = np.sqrt((drawn @ drawn) * (meant @ meant))
    return float(drawn @ meant / scale)


def _centred_ranks(values: Floats) -> Floats:
    ranks = np.argsort(np.argsort(values)).astype(np.float64)
    centred: Floats = ranks - ranks.mean()
    return centred


def _island(
    number: int,
    island: Island,
    at: tuple[float, float],
    radius: float,
    marks: _Marks,
) -> Markup:
    x, y = at
    left, top = f"{x:.1f}", y - radius - 24
    name, more = label(island), said(island)
    ordinal = element("tspan", str(number + 1), class_="number")
    return element(
        "g",
        element("title", f"{name}: {more}"),
        element(
            "circle",
            class_="land",
            cx=left,
            cy=f"{y:.1f}",
            r=f"{radius + 3:.1f}",
        ),
        *_rows(island, at, radius, marks),
        element(
            "text",
            ordinal,
            f" {name}",
            class_="words",
            x=left,
            y=f"{top:.1f}",
        ),
        element(
            "text",
            more,
            class_="said",
            x=left,
            y=f"{top + 15:.1f}",
        ),
        element(
            "text",
            str(number + 1),
            class_="alone",
            x=left,
            y=f"{y:.1f}",
        ),
        class_=f"island hue-{number % HUES} {state(island)}",
    )


def _rows(
    island: Island,
    at: tuple[float, float],
    radius: float,
    marks: _Marks,
) -> list[Markup]:
    """The marks of an island's rows: a path for each fate, rows beyond the drawn ones left out."""
    dot = marks.dot
    shapes = {
        "kept": _Shape("h0", stroke=dot),
        "test": _Shape(_diamond(dot), left=dot / 2, stroke=dot / 3.2),
        "gone": _Shape(
            _cross(dot),
            left=dot / 2,
            above=dot / 2,
            stroke=dot / 3,
        ),
    }
    paths: dict[str, list[str]] = {fate: [] for fate in shapes}
    counts = dict.fromkeys(shapes, 0)
    for _, dx, dy, fate in island.rows:
        kind = {KEPT: "kept", TEST: "test"}.get(fate, "gone")
        counts[kind] += 1
        if (counts[kind] - 1) % marks.every == 0:
            shape = shapes[kind]
            x = at[0] + (radius - dot) * dx - shape.left
            y = at[1] + (radius - dot) * dy - shape.above
            paths[kind].append(f"M{x:.1f} {y:.1f}{shape.steps}")
    drawn = []
    for kind, path in paths.items():
        if path:
            style = f"stroke-width:{shapes[kind].stroke:.2f}"
            drawn.append(
                element(
                    "path",
                    class_=kind,
                    style=style,
                    d="".join(path),
                )
            )
    return drawn


def _diamond(dot: float) -> str:
    half = f"{dot / 2:.1f}"
    return f"l{half}-{half} {half} {half}-{half} {half}z"


def _cross(dot: float) -> str:
    whole = f"{dot:.1f}"
    return f"l{whole} {whole}m-{whole} 0l{whole}-{whole}"
