"""Interactions and feedback of a project as dated records."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from tunewell.checks.broken.refusals import refusal
from tunewell.monitor.channel import (
    ChannelTopic,
)
from tunewell.monitor.records import Categories, DatedRecords
from tunewell.stats import proportion
from tunewell.types import (
    Estimate,
    Feedback,
    Interaction,
    digest,
)

RIPE_DAYS: Final = 7
"""Feedback is waited for so long: younger interactions are not counted as silent."""

FIELDS: Final[dict[str, ChannelTopic]] = {
    "finish": "answer",
    "ended": "answer",
    "status": "answer",
    "served": "measurement",
    "version": "measurement",
    "prompt_version": "measurement",
    "endpoint": "measurement",
    "state": "measurement",
    "source": "measurement",
}
"""Fields of an interaction that hold few values, and what each says something about."""

UNSUPPORTED: Final = "unsupported item"
OUTDATED: Final = "outdated value"
FORM: Final = "form kept"

CHECK_TOPICS: Final[dict[str, ChannelTopic]] = {
    UNSUPPORTED: "answer",
    OUTDATED: "quality",
    FORM: "answer",
}
"""Checks of answers that need no person (E07, E08, form), and what each says something about."""

JUDGE: Final = re.compile(r"judge|grader|scorer", re.IGNORECASE)
PEOPLE: Final = re.compile(r"review|panel|expert|audit", re.IGNORECASE)
"""Names of ratings that a model gives, and of those that people give who are asked to."""

MOST_METADATA: Final = 20
MOST_VALUES: Final = 200
LONGEST_VALUE: Final = 80

NUMBERS: Final = ("total_s", "first_token_s", "prompt_tokens", "answer_tokens", "cost")


def interaction_records(
    interactions: Iterable[Interaction],
    feedback: Iterable[Feedback] = (),
    *,
    as_of: dt.datetime,
    name: str = "traffic",
    checked: Mapping[str, Mapping[str, str]] | None = None,
) -> DatedRecords:
    """Interactions as records; what users said of them is a number of each that was rated.

    Shadows' copies are left out: nobody asked them.

    Args:
        interactions: In any order.
        feedback: In any order; the last word of an interaction's each name counts.
        as_of: Until when they are complete.
        name: Of the stream.
        checked: What checks say of some answers, by interaction and check.
    """
    rows = sorted((row for row in interactions if not row.shadow_of), key=lambda row: row.at)
    place = {row.id: i for i, row in enumerate(rows)}
    numbers = {field: _numbers(rows, field) for field in NUMBERS}
    judged: dict[int, str] = {}
    for said in sorted(feedback, key=lambda each: each.at):
        row = place.get(said.interaction)
        if row is None:
            continue
        label = f"{said.kind} {said.name}".strip()
        if said.kind == "event":
            # What did not happen is not said: an interaction without the event has none.
            numbers.setdefault(label, np.zeros(len(rows)))[row] = 1.0
        elif said.value is not None:
            column = numbers.setdefault(label, np.full(len(rows), np.nan))
            column[row] = said.value
            if JUDGE.search(said.name):
                judged[row] = said.source
    metadata = _metadata(rows)
    return DatedRecords(
        name=name,
        ids=[row.id for row in rows],
        seconds=np.array([int(row.at.timestamp()) for row in rows], dtype=np.int64),
        as_of=as_of,
        texts={
            "asked": [last_question(row.request) for row in rows],
            "answer": [row.response for row in rows],
        },
        categories={
            **{field: _categories([str(getattr(row, field)) for row in rows]) for field in FIELDS},
            "refused": _categories([_refused(row.response) for row in rows]),
            "system_prompt": _categories([_system_prompt(row.request) for row in rows]),
            "judge_version": _categories([judged.get(i, "") for i in range(len(rows))]),
            **metadata,
            **_checks(rows, checked or {}),
        },
        numbers={field: values for field, values in numbers.items() if not np.isnan(values).all()},
        topics=column_topics([*numbers], [*metadata]),
        links={"conversation": [row.conversation for row in rows]},
        authors=[row.user for row in rows],
    )


def column_topics(
    numbers: Iterable[str],
    metadata: Iterable[str],
) -> dict[str, ChannelTopic]:
    """What each column of interactions says something about.

    Args:
        numbers: Names of the numbers, those of feedback among them.
        metadata: Names of the fields of the requests' metadata.
    """
    topics: dict[str, ChannelTopic] = dict.fromkeys(metadata, "input")
    for name in numbers:
        topics[name] = "answer" if name in NUMBERS else topic_of_feedback(name)
    return {
        **topics,
        **FIELDS,
        **CHECK_TOPICS,
        "asked": "input",
        "prompt_tokens": "input",
        "answer": "answer",
        "refused": "answer",
        "system_prompt": "answer",
        "judge_version": "judge",
    }


def _checks(
    rows: Sequence[Interaction],
    checked: Mapping[str, Mapping[str, str]],
) -> dict[str, Categories]:
    """What each check says of the answers that were drawn for it."""
    found = {}
    for name in CHECK_TOPICS:
        column = _categories([checked.get(row.id, {}).get(name, "") for row in rows])
        if column.values:
            found[name] = column
    return found


def last_question(
    request: dict[str, Any],
) -> str:
    """The last thing that the user said in a request.

    Example:
        >>> last_question({"messages": [{"role": "user", "content": "hi"}]})
        'hi'
    """
    given = request.get("messages", request.get("input", request.get("prompt", "")))
    if isinstance(given, str):
        return given
    turns = given if isinstance(given, list) else []
    for turn in reversed(turns):
        if isinstance(turn, dict) and turn.get("role") == "user":
            return _text(turn.get("content"))

    return ""


def topic_of_feedback(label: str) -> ChannelTopic:
    """What feedback of a name says something about.

    Example:
        >>> topic_of_feedback("rating judge"), topic_of_feedback("rating review")
        ('judge', 'quality')
        >>> topic_of_feedback("event escalated"), topic_of_feedback("rating stars")
        ('quality', 'feedback')
    """
    if JUDGE.search(label):
        return "judge"
    if label.startswith("event ") or PEOPLE.search(label):
        return "quality"
    return "feedback"


def _metadata(rows: Sequence[Interaction]) -> dict[str, Categories]:
    """Fields of the requests' metadata that hold few values."""
    names: dict[str, None] = {}
    for row in rows:
        metadata = row.request.get("metadata")
        if isinstance(metadata, dict):
            names |= dict.fromkeys(str(name) for name in metadata if name not in FIELDS)
    found = {}
    for name in list(names)[:MOST_METADATA]:
        values = [_field(row, name) for row in rows]
        if len(set(values)) <= MOST_VALUES:
            found[name] = _categories(values)
    return found


def _field(
    row: Interaction,
    name: str,
) -> str:
    metadata = row.request.get("metadata")
    value = metadata.get(name) if isinstance(metadata, dict) else None
    return str(value)[:100] if isinstance(value, str | int | bool) else ""


def _system_prompt(
    request: dict[str, Any],
) -> str:
    """The instructions of a request, short enough to be a value; longer ones by their digest."""
    given = request.get("instructions")
    turns = request.get("messages", request.get("input"))
    if isinstance(turns, list) and not isinstance(given, str):
        system = [turn for turn in turns if isinstance(turn, dict) and turn.get("role") == "system"]
        given = "\n".join(_text(turn.get("content")) for turn in system)
    text = given if isinstance(given, str) else ""
    return text if len(text) <= LONGEST_VALUE else f"{text[:40]} … {digest(text)[:12]}"


def _text(content: Any) -> str:
    """The text of a turn, whose content may be in parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "\n".join(text for text in texts if isinstance(text, str))


def _numbers(
    rows: Sequence[Interaction],
    field: str,
) -> np.ndarray:
    """A number of each interaction, NaN where it has none."""
    values = [getattr(row, field) for row in rows]
    return np.array([np.nan if value is None else float(value) for value in values])


def _refused(answer: str) -> str:
    """Whether an answer is a refusal; empty where there is no answer."""
    if not answer.strip():
        return ""
    return "yes" if refusal(answer)[0] else "no"


def _categories(values: Sequence[str]) -> Categories:
    """Values as codes."""
    place: dict[str, int] = {}
    codes = np.full(len(values), -1, dtype=np.int64)
    for i, value in enumerate(values):
        if value:
            codes[i] = place.setdefault(value, len(place))

    return Categories(tuple(place), codes)


def quality_bounds(
    good: int,
    said: int,
    of: int,
) -> Estimate:
    """What feedback says of quality: the silent ones may all be content, or none of them.

    Args:
        good: Interactions with good feedback.
        said: Interactions with any.
        of: Interactions.

    Example:
        >>> e = quality_bounds(80, 100, 1000)
        >>> round(e.low, 2), e.value, round(e.high, 2)
        (0.06, 0.8, 0.99)
    """
    worst = proportion(good, of)
    best = proportion(good + of - said, of)
    among = proportion(good, said)

    return Estimate(
        value=among.value,
        low=min(worst.low, among.value),
        high=max(best.high, among.value),
        n=of,
        method="bounds: all silent ones bad, all good",
        unit="share",
    )
