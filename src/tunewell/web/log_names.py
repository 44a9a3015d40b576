"""What the ids in the audit log stand for: people, batches and items, by the names they have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from tunewell.people import AuditLine
from tunewell.store.people_tables import batches, items
from tunewell.web.context import AppContext

_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class LogName:
    """What is called so, and the page that shows it, if there is one."""

    text: str
    href: str = ""


def names_in(context: AppContext, lines: Sequence[AuditLine]) -> dict[str, LogName]:
    """Names by what stands in these lines: ids, and what accounts sign in with."""
    ids = set(_ids(lines))
    found: dict[str, LogName] = {}
    for account in context.accounts.all():
        found[account.id] = found[account.name] = LogName(account.shown)
    batch = batches.c
    query = sa.select(batch.id, batch.title).where(batch.id.in_(ids))
    for row in context.store.rows(query):
        found[row.id] = LogName(row.title, f"/batches/{row.id}")
    item = items.c
    of_items = sa.select(item.id, item.example, item.batch).where(item.id.in_(ids))
    for row in context.store.rows(of_items):
        found[row.id] = LogName(f"row {row.example}", f"/batches/{row.batch}/items/{row.id}")
    return found


def _ids(lines: Sequence[AuditLine]) -> Iterator[str]:
    for line in lines:
        for text in (line.subject, *map(str, line.record.values())):
            if _ID.fullmatch(text):
                yield text
