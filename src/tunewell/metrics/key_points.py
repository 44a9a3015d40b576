"""Key points: what an answer must contain."""

from __future__ import annotations

from pydantic import Field

from tunewell.metrics.base import Marked, Metric
from tunewell.metrics.normalise import normalise
from tunewell.metrics.registry import MetricSetting, built_in_with
from tunewell.task import TaskSpec
from tunewell.types import Example, MetricInfo, Value

SEPARATOR = "|"
ALTERNATIVE = "~"


class PointsOptions(Value):
    """Options of ``key_points``; at least one of them.

    Attributes:
        source: Field of the row that lists its points between bars (``from: tags.points``): ``14
            days | 84.20 EUR``. Other writings of one point stand between tildes: ``14 days ~ two
            weeks``.
        points: Points that every answer must contain.
    """

    source: str = Field(default="", alias="from")
    points: tuple[str, ...] = ()


Points = tuple[str, ...]


def points_of(example: Example, source: str, listed: Points) -> Points:
    """The points that the answer to a row must contain.

    Args:
        example: The row.
        source: A field of the row with points between bars: ``tags.points``; empty = none.
        listed: Points that every answer must contain.

    Example:
        >>> from tunewell.types import Message
        >>> asked = (Message(role="user", content="?"),)
        >>> row = Example(id="1", messages=asked, tags={"points": "14 days | 84.20 EUR"})
        >>> points_of(row, "tags.points", ())
        ('14 days', '84.20 EUR')
    """
    own = example.field(source).split(SEPARATOR) if source else []
    points = [point.strip() for point in (*listed, *own)]
    return tuple(filter(None, points))


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
    """
    return _holds(normalise(text, language), point, language)


def _holds(normal: str, point: str, language: str) -> bool:
    padded = f" {normal} "
    ways = [normalise(way, language) for way in point.split(ALTERNATIVE)]
    return any(f" {way} " in padded for way in filter(None, ways))


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
    source, listed = options.source, options.points
    if not source and not listed:
        raise ValueError("key_points needs 'from' (such as tags.points) or 'points'")

    def share_found(output: str, example: Example, *, task: TaskSpec) -> Marked:
        points = points_of(example, source, listed)
        language = task.task.language
        normal = normalise(output, language)
        missing = [point for point in points if not _holds(normal, point, language)]
        if not missing:
            return Marked(value=1.0)
        share = len(missing) / len(points)
        return Marked(value=1 - share, reason=f"missing: {'; '.join(missing)}")

    def applies(example: Example) -> str:
        if points_of(example, source, listed):
            return ""
        return f"no points are listed ({source or 'points'})"

    return Metric(
        info=setting.info,
        function=share_found,
        applies=applies,
    )
