"""What an answer must never contain: ``task.must_not``."""

from __future__ import annotations

import re
from functools import lru_cache

from tunewell.metrics.base import Marked, MarkedPlace, Metric
from tunewell.metrics.patterns import LONGEST_MATCHED, between_slashes
from tunewell.metrics.registry import MetricSetting, NoOptions, built_in_with
from tunewell.task import TaskSpec
from tunewell.timed_pattern import TimedPattern
from tunewell.types import Example, MetricInfo

Found = tuple[int, int, str]
"""Start, end, rule."""


def forbidden_in(text: str, forbidden: tuple[str, ...]) -> list[Found]:
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
    found: list[Found] = []
    for rule in forbidden:
        for match in _pattern(rule).finditer(text):
            found.append((*match.span(), rule))
    return sorted(found)


@lru_cache(maxsize=1024)
def _pattern(rule: str) -> TimedPattern | re.Pattern[str]:
    pattern = between_slashes(rule)
    if pattern:
        return TimedPattern(pattern, re.IGNORECASE)
    # Plain words take no time that could run out.
    return re.compile(r"\s+".join(map(re.escape, rule.split())), re.IGNORECASE)


@built_in_with(
    MetricInfo(
        name="must_not",
        title="no forbidden text",
        own=True,
        validated=True,
    ),
    NoOptions,
)
def must_not(_: NoOptions, setting: MetricSetting) -> Metric:
    """1 if nothing of task.must_not occurs."""
    if not setting.file.spec.task.must_not:
        raise ValueError("must_not needs a list under task.must_not")
    return Metric(info=setting.info, function=_free_of_forbidden)


def _free_of_forbidden(output: str, example: Example, *, task: TaskSpec) -> Marked:
    found = forbidden_in(output, task.task.must_not)
    if not found:
        return Marked(value=1.0)

    rules: dict[str, None] = {}
    spans: list[MarkedPlace] = []
    for start, end, rule in found:
        rules[rule] = None
        place: MarkedPlace = {
            "start": start,
            "end": end,
            "type": "forbidden",
            "text": output[start:end],
        }
        spans.append(place)
    return Marked(
        value=0.0,
        reason=f"holds {', '.join(rules)}",
        spans=tuple(spans),
    )
