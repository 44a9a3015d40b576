"""How often a test set has been looked at: every look wears it out a little (E09)."""

from __future__ import annotations

from collections.abc import Iterable

from tunewell.store import Store, default_author
from tunewell.types import digest

EVENT = "look"


def look(store: Store, rows: Iterable[str], *, key: str) -> int:
    """Count a look at these rows and give how many there have been, this one included.

    An evaluation that was killed and resumed has the same ``key`` and is one look.

    Args:
        store: Keeps the events.
        rows: Ids of the test rows.
        key: Key of the evaluation.
    """
    subject = digest(sorted(rows))
    seen = {e.record.get("key") for e in store.said(EVENT, subject=subject)}
    if key not in seen:
        store.say(
            EVENT,
            subject,
            author=default_author(),
            record={"key": key},
        )
        seen.add(key)
    return len(seen)
