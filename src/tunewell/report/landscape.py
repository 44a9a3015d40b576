"""The map of the rows as inline SVG: islands of meaning, a mark for each row, what was dropped and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from tunewell.report.text import plain
from tunewell.similar.shown_families import KEPT, TEST, Island, Map

WIDTH: Final = 1000.0
LAND: Final = 0.17
"""Share of a square of half the width that all islands cover together."""

HUES: Final = 7
MOST_MARKS: Final = 2_400
"""Rows that are drawn; of a larger map every second, third … row of each island and fate."""

_LABEL: Final = 40.0
_CHARACTER: Final = 7.6
_ROUNDS: Final = 120


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


def draw(found: Map) -> Drawn:
    """Draw a map; colours come from the page's style sheet."""
    radii = _radii(found)
    at = _apart(np.array([i.at for i in found.islands]), radii, [label(i) for i in found.islands])
    low = at[:, 1] - radii
    at[:, 1] -= low.min() - _LABEL - 6
    height = float((at[:, 1] + radii).max()) + 14
    every = max(1, round(sum(i.size for i in found.islands) / MOST_MARKS))
    dot = float(
        np.clip(0.62 * radii[0] * np.sqrt(np.pi * every / max(found.islands[0].size, 1)), 2.2, 7.0)
    )
    parts = [
        _island(k, island, at[k], float(radii[k]), dot, every)
        for k, island in enumerate(found.islands)
    ]
    said = f"Map of {len(found.islands)} clusters of rows by meaning; the list below says the same in words."
    svg = Markup('<svg class="map" viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">{}</svg>')
    return Drawn(
        svg.format(WIDTH, height, said, Markup("".join(parts))),
        found.islands,
        _true_to(found, at),
        every,
    )


def label(island: Island) -> str:
    """What to call an island."""
    return plain(", ".join(island.words) or "no telling words", limit=44)


def state(island: Island) -> str:
    """``gap``, ``emptied`` or nothing."""
    return "gap" if island.missing else "emptied" if island.emptied else ""


def said(island: Island) -> str:
    """What stands below its name: how many rows, how many were dropped, what is missing."""
    parts = [f"{island.size:,} rows"]
    if island.dropped:
        parts.append(f"{island.dropped / island.size:.0%} dropped")
    if island.missing:
        parts.append(f"about {island.missing.value:,.0f} missing")
    return " · ".join(parts)


def _radii(found: Map) -> NDArray[np.float64]:
    sizes = np.array([island.size for island in found.islands], dtype=np.float64)
    radii: NDArray[np.float64] = 1.35 * np.sqrt(
        LAND * WIDTH * WIDTH / 2 * sizes / sizes.sum() / np.pi
    )
    return np.maximum(radii, 17.0)


def _apart(
    places: NDArray[np.float64], radii: NDArray[np.float64], labels: Sequence[str]
) -> NDArray[np.float64]:
    """Places on the page: as given, spread to the width, then pushed until nothing covers a label."""
    half = np.column_stack(
        [
            np.maximum(radii, [max(len(text), 22) * _CHARACTER / 2 for text in labels]) + 8,
            radii + _LABEL / 2 + 6,
        ]
    )
    spread = np.ptp(places, axis=0)
    at = (places - places.min(axis=0)) / np.where(spread > 0, spread, 1.0)
    order = np.argsort(np.argsort(places, axis=0, kind="stable"), axis=0, kind="stable") / max(
        len(places) - 1, 1
    )
    at = (at + order) / 2  # between what was measured and an even use of the page
    least, most = half[:, 0], WIDTH - half[:, 0]
    at = np.column_stack([least + at[:, 0] * (most - least), 60 + at[:, 1] * 420])
    for _ in range(_ROUNDS):
        moved = False
        for i in range(len(at)):
            for j in range(i):
                over = half[i] + half[j] - np.abs(at[i] - at[j])
                if (over <= 0.5).any():
                    continue
                moved = True
                axis = int(over[1] <= over[0] * 1.15)
                push = np.zeros(2)
                push[axis] = over[axis] / 2 * (1.0 if at[i, axis] >= at[j, axis] else -1.0)
                at[i] += push
                at[j] -= push
        at[:, 0] = np.clip(at[:, 0], least, most)
        if not moved:
            break
    return _settled(at, half)


def _settled(at: NDArray[np.float64], half: NDArray[np.float64]) -> NDArray[np.float64]:
    """From the top down, each box is lowered until it lies on no other: this always ends."""
    order = np.argsort(at[:, 1], kind="stable")
    for n, i in enumerate(order):
        above = order[:n]
        beside = above[np.abs(at[above, 0] - at[i, 0]) < half[above, 0] + half[i, 0] - 0.5]
        for j in beside[np.argsort(at[beside, 1] - half[beside, 1], kind="stable")]:
            if abs(at[i, 1] - at[j, 1]) < half[i, 1] + half[j, 1] - 0.5:
                at[i, 1] = at[j, 1] + half[i, 1] + half[j, 1]
    return at


def _true_to(found: Map, at: NDArray[np.float64]) -> float | None:
    if len(at) < 4:
        return None
    upper = np.triu_indices(len(at), 1)
    drawn = np.linalg.norm(at[:, None] - at[None], axis=2)[upper]
    meant = np.array(found.apart)[upper]
    ranks = np.array([np.argsort(np.argsort(x)) for x in (drawn, meant)], dtype=np.float64)
    ranks -= ranks.mean(axis=1, keepdims=True)
    return float(ranks[0] @ ranks[1] / np.sqrt((ranks[0] @ ranks[0]) * (ranks[1] @ ranks[1])))


def _island(
    k: int, island: Island, at: NDArray[np.float64], radius: float, dot: float, every: int
) -> str:
    x, y = float(at[0]), float(at[1])
    middle = radius - dot
    places: dict[str, list[tuple[float, float]]] = {"kept": [], "test": [], "gone": []}
    counts = dict.fromkeys(places, 0)
    for _, dx, dy, fate in island.rows:
        kind = {KEPT: "kept", TEST: "test"}.get(fate, "gone")
        counts[kind] += 1
        if (counts[kind] - 1) % every == 0:
            places[kind].append((x + middle * dx, y + middle * dy))
    marks = {
        "kept": "".join(f"M{a:.1f} {b:.1f}h0" for a, b in places["kept"]),
        "test": "".join(f"M{a - dot / 2:.1f} {b:.1f}l{_diamond(dot)}z" for a, b in places["test"]),
        "gone": "".join(
            f"M{a - dot / 2:.1f} {b - dot / 2:.1f}l{_cross(dot)}" for a, b in places["gone"]
        ),
    }
    width = {"kept": dot, "test": dot / 3.2, "gone": dot / 3}
    drawn = "".join(
        f'<path class="{name}" style="stroke-width:{width[name]:.2f}" d="{d}"/>'
        for name, d in marks.items()
        if d
    )
    top, name, more = y - radius - 24, escape(label(island)), escape(said(island))
    return (
        f'<g class="island hue-{k % HUES} {state(island)}"><title>{name}: {more}</title>'
        f'<circle class="land" cx="{x:.1f}" cy="{y:.1f}" r="{radius + 3:.1f}"/>{drawn}'
        f'<text class="words" x="{x:.1f}" y="{top:.1f}"><tspan class="number">{k + 1}</tspan> {name}</text>'
        f'<text class="said" x="{x:.1f}" y="{top + 15:.1f}">{more}</text>'
        f'<text class="alone" x="{x:.1f}" y="{y:.1f}">{k + 1}</text></g>'
    )


def _diamond(dot: float) -> str:
    half = f"{dot / 2:.1f}"
    return f"{half}-{half} {half} {half}-{half} {half}"


def _cross(dot: float) -> str:
    whole = f"{dot:.1f}"
    return f"{whole} {whole}m-{whole} 0l{whole}-{whole}"
