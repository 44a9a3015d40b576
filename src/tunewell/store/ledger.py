"""A chain over every row that can only grow: nothing in it can be changed without being noticed.

Each row of `audit`, `events`, `verdicts` and `ratings` has one entry in the table ``ledger``,
written in the same transaction. The entry holds a digest of the row's content, and a link: the
digest of the entry before it, of its own number, and of the row's other columns. Changing,
removing, inserting or reordering rows breaks a link, and `check_ledger` says at which row.

Content can be blanked without breaking a link (a person asked to be erased): the digest of the
content stays, its random nonce goes, so that nothing can be learnt from the digest. A blanked row
is accepted only where an event of the chain, of kind `ERASED`, names it.

Whoever can write to the database and knows this file can write a whole new chain. Keep the head
that `tunewell audit verify` prints somewhere else: a chain that was rewritten does not hold it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from pydantic import Field

from tunewell.errors import UserError
from tunewell.store.append_only import BLANKS, TOMBSTONE, missing_triggers
from tunewell.store.comparison_tables import ratings
from tunewell.store.people_tables import audit, verdicts
from tunewell.store.tables import events, ledger, ledger_head
from tunewell.types import Value

ERASED = "content-erased"
"""Kind of the event that says which rows were blanked."""

CHAINED: dict[str, sa.Table] = {table.name: table for table in (audit, events, verdicts, ratings)}

STREAM = {"yield_per": 1000}
"""Rows that are in memory at a time."""

MOST_FAULTS = 100
"""No more faults than this are told."""


class LedgerHead(Value):
    """The newest entry: a chain that holds it holds everything before it."""

    number: int = 0
    link: str = ""

    def __str__(self) -> str:
        return f"{self.number}:{self.link}"


class LedgerReport(Value):
    """What checking the chain found.

    Attributes:
        entries: How many entries were checked.
        erased: How many rows were blanked, as events of the chain say.
        head: The newest entry.
        faults: Each with the place where it begins; empty if the chain holds.
    """

    entries: int
    erased: int
    head: LedgerHead
    faults: tuple[str, ...] = Field(default=())


def append(connection: sa.Connection, table: sa.Table, line: Mapping[str, Any]) -> int:
    """Insert a row of a table that can only grow, with its entry; gives its number."""
    return append_all(connection, [(table, line)])[0]


def append_all(
    connection: sa.Connection,
    rows: Sequence[tuple[sa.Table, Mapping[str, Any]]],
) -> list[int]:
    """Insert rows of tables that can only grow, each with its entry; gives their numbers.

    From here to the end of the transaction nobody else can append: do everything else first.
    """
    head = _hold_head(connection)
    numbers: list[int] = []
    entries: list[dict[str, Any]] = []
    for table, line in rows:
        insert = sa.insert(table).values(**line).returning(table.c.number)
        number = int(connection.execute(insert).scalar_one())
        entry = _entry(head, table, {**line, "number": number})
        head = LedgerHead(number=entry["number"], link=entry["link"])
        numbers.append(number)
        entries.append(entry)
    connection.execute(sa.insert(ledger).values(entries))
    connection.execute(sa.update(ledger_head).values(number=head.number, link=head.link))
    return numbers


def _hold_head(connection: sa.Connection) -> LedgerHead:
    """The newest entry, which nobody else can follow until this transaction ends.

    The row itself is the lock, so that it is taken and read in one trip to the server. SQLite has
    one writer anyway.
    """
    query = sa.select(ledger_head.c.number, ledger_head.c.link).with_for_update()
    head = connection.execute(query).one()
    return LedgerHead(number=head.number, link=head.link)


def _entry(before: LedgerHead, table: sa.Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of a row that was just inserted."""
    nonce = secrets.token_hex(16)
    number = before.number + 1
    content = _content_digest(table, row, nonce)
    return {
        "number": number,
        "source": table.name,
        "row": row["number"],
        "nonce": nonce,
        "content": content,
        "link": _link(before.link, number, table, row, content),
    }


def blank(connection: sa.Connection, rows: Iterable[tuple[str, int]], *, author: str) -> int:
    """Blank the content of rows, given as (table, number), and say so in an event.

    Gives how many rows were blanked.
    """
    chosen = sorted(set(rows))
    if not chosen:
        return 0
    record = {"rows": [[source, number] for source, number in chosen]}
    line = {
        "kind": ERASED,
        "subject": "",
        "author": author,
        "at": dt.datetime.now(dt.UTC).isoformat(),
        "record": json.dumps(record),
    }
    append(connection, events, line)
    for source, number in chosen:
        table = CHAINED[source]
        clear = sa.update(table).where(table.c.number == number).values(**BLANKS[source])
        forget = (
            sa.update(ledger)
            .where(ledger.c.source == source)
            .where(ledger.c.row == number)
            .values(nonce="")
        )
        connection.execute(clear)
        connection.execute(forget)
    return len(chosen)


def read_head(text: str) -> LedgerHead:
    """A head as `LedgerHead` writes it, ``NUMBER:LINK``.

    Raises:
        UserError: It is none.
    """
    number, _, link = text.strip().partition(":")
    if not number.isdecimal() or not re.fullmatch(r"[0-9a-f]{64}", link):
        raise UserError(f"{text[:80]!r} is not the head of a ledger", hint="NUMBER:LINK")
    return LedgerHead(number=int(number), link=link)


def is_tombstone(record: str) -> bool:
    """Whether a record was blanked."""
    return record == TOMBSTONE


# --- checking -------------------------------------------------------------------------------------


@dataclass
class _Rows:
    """The rows of one table in order, looked at from the front."""

    table: sa.Table
    rest: Iterator[sa.Row[Any]]
    next: sa.Row[Any] | None = None

    @classmethod
    def of(cls, connection: sa.Connection, table: sa.Table) -> _Rows:
        query = sa.select(table).order_by(table.c.number)
        rest = iter(connection.execute(query, execution_options=STREAM))
        return cls(table, rest, next(rest, None))

    def take(self) -> sa.Row[Any] | None:
        """The first row, which is then gone."""
        taken = self.next
        self.next = next(self.rest, None)
        return taken


@dataclass
class _Check:
    """A chain as far as it has been read."""

    head: LedgerHead = field(default_factory=LedgerHead)
    faults: list[str] = field(default_factory=list)
    blanked: set[tuple[str, int]] = field(default_factory=set)
    permitted: set[tuple[str, int]] = field(default_factory=set)
    wanted: set[str] = field(default_factory=set)

    def fault(self, text: str) -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(text)


def check_ledger(
    connection: sa.Connection,
    *,
    known: Sequence[LedgerHead] = (),
) -> LedgerReport:
    """Read the whole chain with its rows and say what does not hold.

    Args:
        connection: To one state of the database, to which nothing changes.
        known: Heads that were noted earlier; the chain has to hold each of them.
    """
    found = _Check(wanted={str(head) for head in known if head.number})
    rows = {name: _Rows.of(connection, table) for name, table in CHAINED.items()}
    query = sa.select(ledger).order_by(ledger.c.number)
    for entry in connection.execute(query, execution_options=STREAM):
        _check_entry(entry, rows, found)

    for name, left in rows.items():
        while (row := left.take()) is not None:
            found.fault(f"{name} {row.number}: the row has no entry in the ledger")
    _check_blanked(found)
    _check_heads(connection, found)
    for name in missing_triggers(connection):
        found.fault(f"the trigger {name} is missing: the database no longer refuses changes")
    return LedgerReport(
        entries=found.head.number,
        erased=len(found.blanked),
        head=found.head,
        faults=tuple(found.faults),
    )


def _check_entry(entry: sa.Row[Any], rows: Mapping[str, _Rows], found: _Check) -> None:
    """One entry: its number, its row, the row's content, and the link to the one before."""
    before = found.head
    found.head = LedgerHead(number=entry.number, link=entry.link)
    found.wanted.discard(str(found.head))
    if entry.number != before.number + 1:
        found.fault(f"ledger {before.number + 1}: missing, up to {entry.number - 1}")

    place = f"{entry.source} {entry.row}"
    if entry.source not in rows:
        found.fault(f"ledger {entry.number}: names a table {entry.source!r} that is not kept")
        return
    row = _row_of(entry, rows[entry.source], found)
    if row is None:
        found.fault(f"{place}: removed (ledger {entry.number})")
        return

    table = CHAINED[entry.source]
    values = dict(row._mapping)
    if entry.nonce:
        digest = _content_digest(table, values, entry.nonce)
        if not hmac.compare_digest(digest, entry.content):
            found.fault(f"{place}: its content was changed")
    elif all(values[name] == value for name, value in BLANKS[entry.source].items()):
        found.blanked.add((entry.source, entry.row))
    else:
        found.fault(f"{place}: its content was changed, and what proves it removed")

    link = _link(before.link, entry.number, table, values, entry.content)
    if not hmac.compare_digest(link, entry.link):
        found.fault(f"{place}: the chain breaks here (ledger {entry.number})")
    if entry.source == events.name and row.kind == ERASED:
        _note_permitted(row.record, found)


def _row_of(entry: sa.Row[Any], rows: _Rows, found: _Check) -> sa.Row[Any] | None:
    """The row of an entry; rows before it that no entry names are faults."""
    while rows.next is not None and rows.next.number < entry.row:
        extra = rows.take()
        assert extra is not None
        found.fault(f"{entry.source} {extra.number}: the row has no entry in the ledger")
    if rows.next is None or rows.next.number != entry.row:
        return None
    return rows.take()


def _note_permitted(record: str, found: _Check) -> None:
    try:
        named = json.loads(record)["rows"]
        found.permitted |= {(str(source), int(number)) for source, number in named}
    except (ValueError, KeyError, TypeError):
        found.fault("an event that says what was erased cannot be read")


def _check_blanked(found: _Check) -> None:
    for source, number in sorted(found.blanked - found.permitted):
        found.fault(f"{source} {number}: blanked, but no event says that it was erased")


def _check_heads(connection: sa.Connection, found: _Check) -> None:
    head = connection.execute(sa.select(ledger_head.c.number, ledger_head.c.link)).first()
    if head is None or (head.number, head.link) != (found.head.number, found.head.link):
        upto = head.number if head else "nothing"
        place = f"ledger {found.head.number + 1}"
        found.fault(f"{place}: entries are missing at the end; the database noted {upto}")
    for noted in sorted(found.wanted):
        found.fault(f"ledger {noted.partition(':')[0]}: the chain was rewritten since it was noted")


# --- digests --------------------------------------------------------------------------------------


def _content_digest(table: sa.Table, row: Mapping[str, Any], nonce: str) -> str:
    content = [row[name] for name in sorted(BLANKS[table.name])]
    return _sha256([nonce, *content])


def _link(
    before: str,
    number: int,
    table: sa.Table,
    row: Mapping[str, Any],
    content: str,
) -> str:
    names = sorted(set(table.c.keys()) - set(BLANKS[table.name]))
    fixed = [[name, row[name]] for name in names]
    return _sha256([before, number, table.name, fixed, content])


def _sha256(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
