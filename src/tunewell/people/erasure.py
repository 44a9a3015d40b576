"""A person is taken out of people's work: what names them is blanked, that it was there stays."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import sqlalchemy as sa

from tunewell.people.accounts import Accounts
from tunewell.people.erased_people import ERASURE
from tunewell.people.row_changes import freeze_gold_anew, gold_registry
from tunewell.people.work import Item
from tunewell.people.work_rows import item_line
from tunewell.store import Store
from tunewell.store.comparison_tables import pairs, ratings, requests
from tunewell.store.ledger import ERASED, is_tombstone
from tunewell.store.people_tables import audit, items, readings, verdicts
from tunewell.store.tables import events
from tunewell.types import Value

GONE = "(erased)"
"""Stands in the place of a text that named the person."""

Mentions = Callable[[str], bool]


class ErasedWork(Value):
    """What was blanked.

    Attributes:
        kept_rows: Verdicts, events and lines of the audit log, of which a tombstone stays.
        items: Texts that people were shown.
        accounts: Ids of accounts whose name or address was the person's.
    """

    kept_rows: int = 0
    items: int = 0
    accounts: tuple[str, ...] = ()


def erase_from_work(store: Store, mentions: Mentions, *, author: str) -> ErasedWork:
    """Blank everything in people's work that mentions a person.

    Frozen gold is frozen anew without the rows that do.

    Args:
        store: Of the project.
        mentions: Whether a text names the person.
        author: Who does it.
    """
    registry = gold_registry(store)
    gold = [row for row in registry.rows.values() if not mentions(row.target)]
    rows = [*_in_verdicts(store, mentions), *_in_audit(store, mentions)]
    rows += _in_ratings(store, mentions)
    named = list(_in_events(store, mentions))
    blanked = store.blank([*rows, *named], author=author)
    if len(gold) < len(registry.rows):
        freeze_gold_anew(store, gold, author=author)

    return ErasedWork(
        kept_rows=blanked,
        items=_blank_items(store, mentions) + _blank_compared(store, mentions),
        accounts=tuple(_erase_accounts(store, mentions)),
    )


def _in_verdicts(store: Store, mentions: Mentions) -> Iterator[tuple[str, int]]:
    for row in store.rows(sa.select(verdicts.c.number, verdicts.c.record)):
        if _names(row.record, mentions):
            yield verdicts.name, row.number


def _in_ratings(store: Store, mentions: Mentions) -> Iterator[tuple[str, int]]:
    for row in store.rows(sa.select(ratings.c.number, ratings.c.record)):
        if _names(row.record, mentions):
            yield ratings.name, row.number


def _blank_compared(store: Store, mentions: Mentions) -> int:
    """Blank questions and answers of comparisons; what was said of them stays."""
    changed = 0
    for table in (pairs, requests):
        for row in store.rows(sa.select(table.c.id, table.c.record)):
            if not _names(row.record, mentions):
                continue
            record = json.dumps(_blanked(json.loads(row.record), mentions))
            store.change(sa.update(table).where(table.c.id == row.id).values(record=record))
            changed += 1
    return changed


def _blanked(value: object, mentions: Mentions) -> object:
    """A record whose texts that name the person are gone."""
    if isinstance(value, str):
        return GONE if mentions(value) else value
    if isinstance(value, dict):
        return {name: _blanked(part, mentions) for name, part in value.items()}
    if isinstance(value, list):
        return [_blanked(part, mentions) for part in value]
    return value


def _in_audit(store: Store, mentions: Mentions) -> Iterator[tuple[str, int]]:
    for row in store.rows(sa.select(audit)):
        named = mentions(row.account) or mentions(row.subject)
        if named or _names(row.record, mentions):
            yield audit.name, row.number


def _in_events(store: Store, mentions: Mentions) -> Iterator[tuple[str, int]]:
    query = sa.select(events).where(events.c.kind.not_in([ERASED, ERASURE]))
    for row in store.rows(query):
        if mentions(row.author) or _names(row.record, mentions):
            yield events.name, row.number


def _names(record: str, mentions: Mentions) -> bool:
    """Whether any text in a JSON record names the person."""
    if is_tombstone(record):
        return False
    return any(mentions(text) for text in _texts(json.loads(record)))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield name
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _blank_items(store: Store, mentions: Mentions) -> int:
    changed = 0
    for record in store.values(sa.select(items.c.record)):
        item = Item.model_validate_json(record)
        if not any(mentions(text) for text in (item.source, item.output, item.suggestion)):
            continue
        blank = {"source": GONE, "output": "", "suggestion": "", "marks": ()}
        line = item_line(item.model_copy(update=blank))
        change = sa.update(items).where(items.c.id == item.id).values(record=line["record"])
        # Results that were kept quote what people read.
        forget = sa.delete(readings).where(readings.c.batch == item.batch)
        store.change(forget, change)
        changed += 1
    return changed


def _erase_accounts(store: Store, mentions: Mentions) -> Iterator[str]:
    accounts = Accounts(store)
    emails = accounts.emails(active_only=False)
    for account in accounts.all():
        if mentions(account.shown) or mentions(emails.get(account.id, "")):
            accounts.erase(account.id)
            yield account.id
