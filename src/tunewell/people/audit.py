"""The audit log: who did what, which can only grow."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from tunewell.store import Store
from tunewell.store.ledger import append, is_tombstone
from tunewell.store.people_tables import audit
from tunewell.types import Value

LONGEST_ACTOR = 128
LONGEST_SUBJECT = 500


class AuditLine(Value):
    """What somebody did."""

    number: int
    at: dt.datetime
    account: str
    action: str
    subject: str
    record: Mapping[str, Any]


class AuditLog:
    """Read and extend the log.

    Args:
        store: Of the project.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def add(
        self,
        actor: str,
        action: str,
        subject: str = "",
        **record: Any,
    ) -> None:
        """Write down what somebody did; never secrets.

        Args:
            actor: Name of the account, or who else did it.
            action: In a few words.
            subject: What it was done to.
            record: The rest.
        """
        line = audit_line(actor, action, subject, record)
        with self.store.connection(write=True) as connection:
            append(connection, audit, line)

    def lines(self, *, limit: int = 200, before: int = 0) -> list[AuditLine]:
        """The newest lines first, older than line ``before`` if given."""
        query = sa.select(audit).order_by(audit.c.number.desc()).limit(limit)
        if before:
            query = query.where(audit.c.number < before)
        return [_line_of(row) for row in self.store.rows(query)]


def _line_of(row: sa.Row[Any]) -> AuditLine:
    is_erased = is_tombstone(row.record)
    return AuditLine(
        number=row.number,
        at=row.at,
        account=row.account,
        action=row.action,
        subject="(erased)" if is_erased else row.subject,
        record={} if is_erased else json.loads(row.record),
    )


def audit_line(
    actor: str,
    action: str,
    subject: str,
    record: Mapping[str, Any],
) -> dict[str, str]:
    """A line for the table ``audit``, to be written in the transaction of what it tells of."""
    return {
        "at": dt.datetime.now(dt.UTC).isoformat(),
        "account": _storable(actor)[:LONGEST_ACTOR],
        "action": action,
        "subject": _storable(subject)[:LONGEST_SUBJECT],
        "record": json.dumps(dict(record), default=str),
    }


def _storable(text: str) -> str:
    """A text without what no database keeps: NUL and lone surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
