"""What the standing review says of quality in use: a reading of each period and version."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from tunewell.decide import QualityReading
from tunewell.experiments import SHORTEST_VERSION
from tunewell.monitor.reading_batch import OPENED, reading_batches
from tunewell.monitor.standing_review import PURPOSE
from tunewell.people import WorkStore
from tunewell.stats import mean
from tunewell.store import Store
from tunewell.store.traffic_tables import interactions
from tunewell.types import Interaction
from tunewell.watching import found_bad

AT_ONCE: Final = 500


def review_readings(store: Store, versions: Collection[str]) -> tuple[QualityReading, ...]:
    """Share of answers that people found bad, by period and by the version that gave them.

    The sample of a period is drawn at random from all its answers, so that the share is one of all
    of them; answers of one conversation count as one cluster. What nobody has read yet is not
    counted, and the reading changes as people go on. Queues of suspicious answers are no random
    sample and make no reading.

    Args:
        store: Of the project.
        versions: Digests of the adapters that were trained here; answers of others are left out.
    """
    work = WorkStore(store)
    opened = {event.subject: event.record for event in store.said(OPENED)}
    found = []
    for batch in reading_batches(store, PURPOSE):
        bad = found_bad(work, batch)
        middle = _middle(opened[batch.id])
        for version, ids, conversations in _by_version(store, list(bad), versions):
            wrong = mean(
                [float(bad[id]) for id in ids],
                clusters=conversations,
                low=0.0,
                high=1.0,
            )
            found.append(QualityReading(at=middle, version=version, wrong=wrong, by="people"))
    return tuple(found)


def _middle(record: Mapping[str, object]) -> dt.datetime:
    """Of a period, UTC."""
    start = dt.datetime.fromisoformat(str(record["start"]))
    end = dt.datetime.fromisoformat(str(record["end"]))
    return start + (end - start) / 2


def _by_version(
    store: Store,
    ids: Sequence[str],
    versions: Collection[str],
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Versions with the answers that they gave, and the conversation of each answer."""
    answers: dict[str, list[str]] = defaultdict(list)
    conversations: dict[str, list[str]] = defaultdict(list)
    for asked in _interactions(store, ids):
        version = _trained(asked.version, versions)
        if version:
            answers[version].append(asked.id)
            conversations[version].append(asked.conversation or asked.id)
    for version in sorted(answers):
        yield version, answers[version], conversations[version]


def _interactions(store: Store, ids: Sequence[str]) -> Iterator[Interaction]:
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        query = sa.select(interactions.c.record).where(interactions.c.id.in_(some))
        for record in store.values(query):
            yield Interaction.model_validate_json(record)


def _trained(name: str, versions: Collection[str]) -> str:
    """The version that a record names, in full or by the beginning of its digest."""
    if len(name) < SHORTEST_VERSION:
        return ""
    fitting = [version for version in versions if version.startswith(name)]
    return fitting[0] if len(fitting) == 1 else ""
