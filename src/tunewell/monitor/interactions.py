"""Interactions and feedback of a project as dated records."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from tunewell.checks.broken.refusals import refusal, without_refusal
from tunewell.monitor.channel import ChannelTopic, Floats
from tunewell.monitor.records import Categories, DatedRecords
from tunewell.stats import proportion
from tunewell.store.kept_traffic import Fields
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
    asked = [row for row in interactions if not row.shadow_of]
    rows = [vars(row) for row in sorted(asked, key=lambda row: row.at)]
    records = field_records(rows, as_of=as_of, name=name, checked=checked)
    place = {id: i for i, id in enumerate(records.ids)}
    numbers = dict(records.numbers)
    judged = [""] * len(rows)
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
    topics = {label: topic_of_feedback(label) for label in numbers if label not in NUMBERS}
    return replace(
        records,
        categories={**records.categories, "judge_version": _categories(judged)},
        numbers={field: values for field, values in numbers.items() if not np.isnan(values).all()},
        topics={**topics, **records.topics},
    )


def field_records(
    rows: Sequence[Fields],
    *,
    as_of: dt.datetime,
    name: str = "traffic",
    checked: Mapping[str, Mapping[str, str]] | None = None,
) -> DatedRecords:
    """Interactions, given as plain fields, as records; without what users said of them.

    Args:
        rows: The fields of interactions by name, in the order of their time, no shadows.
        as_of: Until when they are complete.
        name: Of the stream.
        checked: What checks say of some answers, by interaction and check.
    """
    requests = [row["request"] for row in rows]
    answers = [row["response"] for row in rows]
    numbers = {field: _numbers(rows, field) for field in NUMBERS}
    metadata = _metadata(requests)
    return DatedRecords(
        name=name,
        ids=[row["id"] for row in rows],
        seconds=np.array([int(row["at"].timestamp()) for row in rows], dtype=np.int64),
        as_of=as_of,
        texts={"asked": [last_question(request) for request in requests], "answer": answers},
        categories={
            **{field: _categories([str(row[field]) for row in rows]) for field in FIELDS},
            "refused": _categories(_refused(answers)),
            "system_prompt": _categories([_system_prompt(request) for request in requests]),
            "judge_version": _categories([""] * len(rows)),
            **metadata,
            **_checks(rows, checked or {}),
        },
        numbers={field: values for field, values in numbers.items() if not np.isnan(values).all()},
        topics=column_topics([*numbers], [*metadata]),
        links={"conversation": [row["conversation"] for row in rows]},
        authors=[row["user"] for row in rows],
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
    rows: Sequence[Fields],
    checked: Mapping[str, Mapping[str, str]],
) -> dict[str, Categories]:
    """What each check says of the answers that were drawn for it."""
    found = {}
    nothing: Mapping[str, str] = {}
    said = [checked.get(row["id"], nothing) for row in rows]
    for name in CHECK_TOPICS:
        column = _categories([each.get(name, "") for each in said])
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


def _metadata(requests: Sequence[Fields]) -> dict[str, Categories]:
    """Fields of the requests' metadata that hold few values."""
    given = [request.get("metadata") for request in requests]
    held: list[Fields] = [each if isinstance(each, dict) else {} for each in given]
    names: dict[str, None] = {}
    for each in held:
        names |= dict.fromkeys(each)
    found = {}
    for name in [name for name in names if name not in FIELDS][:MOST_METADATA]:
        column = _categories([_value(each.get(name)) for each in held])
        if len(column.values) + int(bool((column.codes < 0).any())) <= MOST_VALUES:
            found[name] = column
    return found


def _value(
    given: object,
) -> str:
    """A value of metadata as text; empty for one that is no plain value."""
    if isinstance(given, str):
        return given[:100]
    return str(given)[:100] if isinstance(given, int | bool) else ""


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
    rows: Sequence[Fields],
    field: str,
) -> Floats:
    """A number of each interaction, NaN where it has none."""
    return np.array([row[field] for row in rows], dtype=np.float64)


def _refused(answers: Sequence[str]) -> list[str]:
    """Whether each answer is a refusal; empty where there is no answer."""
    found = []
    for answer, surely_not in zip(answers, without_refusal(answers), strict=True):
        if not answer.strip():
            found.append("")
        else:
            found.append("no" if surely_not or not refusal(answer)[0] else "yes")
    return found


def _categories(values: Sequence[str]) -> Categories:
    """Values as codes, in the order in which they came; empty ones are none."""
    place = {"": -1}
    # A plain dictionary: an Arrow column of a list imports pandas, half a second of a short look.
    codes = [place.setdefault(value, len(place) - 1) for value in values]
    del place[""]
    return Categories(tuple(place), np.array(codes, dtype=np.int64))


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
