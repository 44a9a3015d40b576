"""Key points: what an answer must contain."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from tunewell.checks.segments import is_unspaced
from tunewell.metrics.base import Marked, Metric
from tunewell.metrics.characters import is_mark
from tunewell.metrics.normalise import normalise
from tunewell.metrics.registry import MetricSetting, built_in_with
from tunewell.task import TaskSpec
from tunewell.types import REFERENCES, Example, MetricInfo, Value, listed

SEPARATOR = "|"
ALTERNATIVE = "~"
_TILDE = re.compile(r"(?<=.)~", re.DOTALL)
"""Between two writings; at the start of a point, ``~5`` is about five."""


class PointsOptions(Value):
    """Options of ``key_points``; at least one of them.

    Attributes:
        source: Field of the row that lists its points between bars (``from: tags.points``): ``14
            days | 84.20 EUR``, or as a JSON list. Other writings of one point stand between
            tildes: ``14 days ~ two weeks``. ``from: references``: any one of the right answers.
        points: Points that every answer must contain.
        by_value: Whether numbers are compared by their value: 4.10 is 4.1, 007 is 7.
    """

    source: str = Field(default="", alias="from")
    points: tuple[str, ...] = ()
    by_value: bool = False


Points = tuple[str, ...]


def points_of(example: Example, source: str, always: Points) -> Points:
    """The points that the answer to a row must contain.

    Args:
        example: The row.
        source: A field of the row with points between bars: ``tags.points``; empty = none.
        always: Points that every answer must contain.

    Example:
        >>> from tunewell.types import Message
        >>> asked = (Message(role="user", content="?"),)
        >>> row = Example(id="1", messages=asked, tags={"points": "14 days | 84.20 EUR"})
        >>> points_of(row, "tags.points", ())
        ('14 days', '84.20 EUR')
    """
    own = _own_points(example, source) if source else ()
    points = [point.strip() for point in (*always, *own)]
    return tuple(filter(None, points))


def _own_points(example: Example, source: str) -> Sequence[str]:
    """The points that a row lists; its right answers are writings of one point."""
    if source.removeprefix("tags.") == REFERENCES:
        return [f" {ALTERNATIVE} ".join(example.references)]
    text = example.field(source)
    return listed(text) or text.split(SEPARATOR)


def contains(text: str, point: str, *, language: str = "en") -> bool:
    """Whether a text holds a point, however case, space, numbers, amounts and dates are written.

    A point may have several writings, divided by ``~``: ``two weeks ~ 14 days``.

    Example:
        >>> contains("Please pay €84.20 within fourteen days.", "84,20 EUR")
        True
        >>> contains("in 140 days", "14 days")
        False
        >>> contains("within a fortnight", "14 days ~ a fortnight")
        True
        >>> contains("blood group AB-", "AB+"), contains("共14天内", "14天")
        (False, True)
    """
    return _holds(_Writing(language), normalise(text, language), point)


@dataclass(frozen=True)
class _Writing:
    """How texts are made alike: see `normalise`."""

    language: str
    by_value: bool = False

    def __call__(self, text: str) -> str:
        return normalise(text, self.language, by_value=self.by_value)


def _holds(writing: _Writing, normal: str, point: str) -> bool:
    ways = map(writing, _TILDE.split(point))
    return any(_stands_in(normal, way) for way in filter(None, ways))


def _stands_in(text: str, words: str) -> bool:
    """Whether words stand in a text, not as a part of longer ones."""
    start = text.find(words)
    while start >= 0:
        end = start + len(words)
        if _is_edge(text[:start][-1:], text[start]) and _is_edge(
            text[end - 1], text[end : end + 1]
        ):
            return True
        start = text.find(words, start + 1)
    return False


def _is_edge(before: str, after: str) -> bool:
    """Whether a word may end between two characters; empty = the end of the text."""
    if not before or not after or " " in (before, after):
        return True
    if is_mark(after):
        return False
    # In a script without spaces a word may end anywhere, but not between a number and its sign.
    beside = after if is_unspaced(before) else before
    is_free = is_unspaced(before) or is_unspaced(after)
    return is_free and beside.isalnum()


@built_in_with(
    MetricInfo(
        name="key_points",
        title="required points found",
        own=True,
        validated=True,
    ),
    PointsOptions,
)
def key_points(options: PointsOptions, setting: MetricSetting) -> Metric:
    """Share of the required points that the answer contains.

    Case and the formats of numbers, amounts and dates do not matter.
    """
    source, always = options.source, options.points
    if not source and not always:
        raise ValueError("key_points needs 'from' (such as tags.points) or 'points'")

    def share_found(output: str, example: Example, *, task: TaskSpec) -> Marked:
        points = points_of(example, source, always)
        language = task.task.language
        writing = _Writing(language, options.by_value)
        normal = writing(output)
        missing = [point for point in points if not _holds(writing, normal, point)]
        if not missing:
            return Marked(value=1.0)
        share = len(missing) / len(points)
        return Marked(value=1 - share, reason=f"missing: {'; '.join(missing)}")

    def applies(example: Example) -> str:
        if points_of(example, source, always):
            return ""
        return f"no points are listed ({source or 'points'})"

    return Metric(
        info=setting.info,
        function=share_found,
        version="2",
        applies=applies,
    )
