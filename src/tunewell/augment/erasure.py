"""A person is taken out of what generators wrote: the replies that were kept, and accepted rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tunewell.augment.journal import blank_replies
from tunewell.augment.nouns import Augmented
from tunewell.augment.replies import ERASED
from tunewell.augment.stage import STAGE, journal_of
from tunewell.people.erased_people import erased, names_erased
from tunewell.store import Store
from tunewell.types import Example, Value


class ErasedReplies(Value):
    """What was reached.

    Attributes:
        replies: Replies that were blanked; what they cost stays.
        rows: Accepted rows that name the person, which are used no more.
    """

    replies: int = 0
    rows: int = 0


def erase_from_augmentations(
    store: Store,
    mentions: Callable[[str], bool],
) -> ErasedReplies:
    """Blank every kept reply that mentions a person, and count the accepted rows that do.

    Args:
        store: Of the project.
        mentions: Whether a text names the person.
    """
    named = set()
    for result in _augmentations(store):
        for row in store.examples(result.accepted):
            if any(mentions(turn.content) for turn in row.messages):
                named.add(row.id)
    return ErasedReplies(
        replies=blank_replies(journal_of(store), mentions, reason=ERASED),
        rows=len(named),
    )


def _augmentations(store: Store) -> list[Augmented]:
    found = []
    for run in store.runs(stage=STAGE, status="finished"):
        artifact = run.outputs.get("augmented")
        if artifact is not None and store.files.has(artifact):
            found.append(store.get_value(artifact, Augmented))
    return found


def without_erased(
    store: Store,
    rows: Sequence[Example],
) -> list[Example]:
    """The rows that name nobody who was erased since they were written."""
    people = erased(store)
    if not people:
        return list(rows)
    return [row for row in rows if not names_erased([t.content for t in row.messages], people)]
