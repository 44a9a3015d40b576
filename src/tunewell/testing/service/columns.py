"""The made-up service's records in columns, as a monitor reads them, without making every row."""

from __future__ import annotations

import datetime as dt

import numpy as np
from numpy.typing import NDArray

from tunewell.monitor.channel import ChannelTopic
from tunewell.monitor.records import Categories, DatedRecords
from tunewell.testing.service.recorded import (
    JUDGES,
    MODELS,
    SYSTEM,
    TEMPLATES,
)
from tunewell.testing.service.service import SimulatedService

TOPICS: dict[str, ChannelTopic] = {
    "question": "input",
    "topic": "input",
    "region": "input",
    "model": "answer",
    "prompt_version": "answer",
    "system_prompt": "answer",
    "judge_version": "judge",
    "finish": "answer",
    "failed": "answer",
    "answer_words": "answer",
    "total_s": "answer",
    "judge": "judge",
    "review": "quality",
    "stars": "feedback",
    "escalated": "quality",
}
"""What each column says something about."""


def dated_records(
    service: SimulatedService,
    *,
    days: int | None = None,
    number_ids: bool = True,
) -> DatedRecords:
    """All that was recorded of a service, one row a request, what came of it beside it.

    Args:
        service: The service.
        days: Only its first so many days.
        number_ids: Whether ids are numbers that were given out in order, as of a ticket system.
    """
    recorder = service.recorder
    seconds = _seconds(service)
    kept = ~recorder.lost
    kept &= seconds < _end_s(service, days)
    order = np.nonzero(kept)[0]
    order = order[np.argsort(seconds[order], kind="stable")]
    texts = recorder.questions()
    ids = [str(100_000 + i) if number_ids else recorder.id(i) for i in order.tolist()]
    return DatedRecords(
        name="interactions",
        ids=ids,
        seconds=seconds[order],
        as_of=dt.datetime.fromtimestamp(_end_s(service, days), dt.UTC),
        texts={"question": [texts[i] for i in order.tolist()]},
        categories=_categories(service, order),
        numbers=_numbers(service, order),
        topics=TOPICS,
        present={"stars": (~np.isnan(recorder.outcomes.stars[order])).astype(np.float64)},
    )


def _seconds(service: SimulatedService) -> NDArray[np.int64]:
    return np.array([at.timestamp() for at in service.recorder.times()]).astype(np.int64)


def _end_s(service: SimulatedService, days: int | None) -> int:
    length = days or service.settings.days
    start = dt.datetime.combine(service.settings.start, dt.time(), dt.UTC)
    return int(start.timestamp()) + length * 86_400


def _categories(service: SimulatedService, order: NDArray[np.int64]) -> dict[str, Categories]:
    recorder = service.recorder
    topics = recorder.topic_names(relabelled=False)
    answers = recorder.answers
    template = recorder.has_new_template()[order]
    finish = np.where(answers.failed, 2, np.where(answers.cut, 1, 0))
    return {
        "topic": _category([topics[i] for i in order.tolist()]),
        "region": Categories(recorder.words.regions, recorder.requests.region[order]),
        "model": Categories(MODELS, answers.version[order]),
        "prompt_version": Categories(TEMPLATES, answers.template[order]),
        "system_prompt": Categories(SYSTEM, template.astype(np.int64)),
        "judge_version": Categories(JUDGES, recorder.outcomes.judge_version[order]),
        "finish": Categories(("stop", "length", "error"), finish[order]),
    }


def _category(values: list[str]) -> Categories:
    place: dict[str, int] = {}
    codes = [place.setdefault(value, len(place)) if value else -1 for value in values]
    return Categories(tuple(place), np.array(codes, np.int64))


def _numbers(service: SimulatedService, order: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    answers = service.recorder.answers
    outcomes = service.recorder.outcomes
    answered = ~answers.failed
    columns = {
        "answer_words": np.where(answered, answers.words, np.nan),
        "failed": answers.failed.astype(np.float64),
        "total_s": np.where(answered, answers.total_s, np.nan),
        "judge": outcomes.judge,
        "review": outcomes.review,
        "stars": outcomes.stars,
        "escalated": outcomes.escalated.astype(np.float64),
    }
    return {name: np.asarray(values, np.float64)[order] for name, values in columns.items()}
