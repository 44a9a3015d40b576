"""What an answer must contain (key points) and must never contain."""

from __future__ import annotations

import re
from collections.abc import Callable

from tunewell.metrics.base import Marked
from tunewell.metrics.label import LONGEST_MATCHED
from tunewell.metrics.normalise import normalise
from tunewell.task import TaskSpec
from tunewell.types import Example

SEPARATOR = "|"
ALTERNATIVE = "~"


def points_of(example: Example, source: str, listed: tuple[str, ...]) -> tuple[str, ...]:
    """The points that the answer to a row must contain.

    Args:
        example: The row.
        source: A field of the row with points between bars: ``tags.points``; empty = none.
        listed: Points that every answer must contain.

    Example:
        >>> from tunewell.types import Message
        >>> row = Example(id="1", messages=(Message(role="user", content="?"),), tags={"points": "14 days | 84.20 EUR"})
        >>> points_of(row, "tags.points", ())
        ('14 days', '84.20 EUR')
    """
    own = example.field(source).split(SEPARATOR) if source else []
    return tuple(p for p in (x.strip() for x in [*listed, *own]) if p)


def contains(text: str, point: str, *, language: str = "en") -> bool:
    """Whether a text holds a point, whatever the case, white space and format of numbers, amounts and dates.

    A point may have several writings, divided by ``~``: ``two weeks ~ 14 days``.

    Example:
        >>> contains("Please pay €84.20 within fourteen days.", "84,20 EUR"), contains("in 140 days", "14 days")
        (True, False)
        >>> contains("within a fortnight", "14 days ~ a fortnight")
        True
    """
    return _holds(normalise(text, language), point, language)


def _holds(normal: str, point: str, language: str) -> bool:
    padded = f" {normal} "
    return any(
        f" {normalise(way, language)} " in padded
        for way in point.split(ALTERNATIVE)
        if normalise(way, language)
    )


def make_key_points(source: str, listed: tuple[str, ...]) -> Callable[..., Marked]:
    """A metric function: the share of the points that the output contains."""

    def key_points(output: str, example: Example, *, task: TaskSpec) -> Marked:
        points = points_of(example, source, listed)
        language = task.task.language
        normal = normalise(output, language)
        missing = [p for p in points if not _holds(normal, p, language)]
        reason = f"missing: {'; '.join(missing)}" if missing else ""
        return Marked(value=1 - len(missing) / len(points), reason=reason)

    return key_points


def has_points(source: str, listed: tuple[str, ...]) -> Callable[[Example], str]:
    """Why a row cannot be measured: no points are listed for it."""

    def applies(example: Example) -> str:
        return (
            ""
            if points_of(example, source, listed)
            else f"no points are listed ({source or 'points'})"
        )

    return applies


def forbidden_in(text: str, forbidden: tuple[str, ...]) -> list[tuple[int, int, str]]:
    r"""Where a text holds what it must not: (start, end, which), in order.

    Args:
        text: An output.
        forbidden: Plain text (case and white space do not matter) or a pattern between slashes:
            ``task.must_not``.

    Example:
        >>> forbidden_in("As an AI  model, call 0800", ("as an ai model", "/\\b0800\\b/"))
        [(0, 15, 'as an ai model'), (22, 26, '/\\b0800\\b/')]
    """
    text = text[:LONGEST_MATCHED]
    found = [
        (m.start(), m.end(), rule) for rule in forbidden for m in _pattern(rule).finditer(text)
    ]
    return sorted(found)


def _pattern(rule: str) -> re.Pattern[str]:
    if len(rule) > 2 and rule.startswith("/") and rule.endswith("/"):
        return re.compile(rule[1:-1], re.IGNORECASE)
    return re.compile(r"\s+".join(map(re.escape, rule.split())), re.IGNORECASE)


def must_not(output: str, example: Example, *, task: TaskSpec) -> Marked:
    """1 when the output holds nothing of ``task.must_not``, else 0, with the places."""
    found = forbidden_in(output, task.task.must_not)
    spans = tuple(
        {"start": a, "end": b, "type": "forbidden", "text": output[a:b]} for a, b, _ in found
    )
    rules = ", ".join(dict.fromkeys(rule for *_, rule in found))
    return Marked(value=float(not found), reason=f"holds {rules}" if found else "", spans=spans)
