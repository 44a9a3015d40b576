"""The book of people's work in the store: batches, items, seats, and verdicts that are written once and for ever."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import sqlalchemy as sa
from pydantic import Field

from tunewell.errors import UserError
from tunewell.people.assign import Seat, share_out
from tunewell.people.seat_counts import Tally, add_to_tallies, seats_of, tallies_of
from tunewell.people.work import Batch, Item, RaterVerdict, Said, faults
from tunewell.store import Store
from tunewell.store.once import insert_all_once, insert_numbered, insert_once
from tunewell.store.people_tables import assignments, audit, batches, items, tallies, verdicts
from tunewell.types import Value

FEW = 5
"""From this many verdicts on, a person's own pace replaces the batch's estimate."""


class Queue(Value):
    """What one person has before them in one batch.

    Attributes:
        batch: The piece of work.
        left: Items still open.
        done: Items finished.
        minutes: Expected minutes for what is left.
    """

    batch: Batch
    left: int = Field(ge=0)
    done: int = Field(ge=0)
    minutes: float = Field(ge=0)


class Book:
    """Read and write people's work.

    Args:
        store: Of the project.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    # --- batches ----------------------------------------------------------------------------------

    def open_batch(self, batch: Batch, rows: Sequence[Item]) -> None:
        """Write a batch and its items down, both or neither."""
        head = {k: getattr(batch, k) for k in ("id", "kind", "title", "status", "author")}
        head |= {"created": batch.created.isoformat(), "record": _dump(batch)}
        lines = [
            {
                "id": i.id,
                "batch": batch.id,
                "number": i.number,
                "example": _clean(i.example),
                "record": _dump(i),
            }
            for i in rows
        ]
        with self.store.connection(write=True) as connection:
            connection.execute(sa.insert(batches).values(**head))
            if lines:
                connection.execute(sa.insert(items), lines)

    def batches(self, *, kind: str = "", status: str = "") -> list[Batch]:
        """Batches, newest first."""
        query = sa.select(batches.c.record, batches.c.status).order_by(
            batches.c.created.desc(), batches.c.id
        )
        for column, value in ((batches.c.kind, kind), (batches.c.status, status)):
            if value:
                query = query.where(column == value)
        with self.store.connection() as connection:
            return [_batch(record, state) for record, state in connection.execute(query)]

    def batch(self, name: str) -> Batch | None:
        """One batch by its id."""
        query = sa.select(batches.c.record, batches.c.status).where(batches.c.id == name)
        with self.store.connection() as connection:
            row = connection.execute(query).first()
        return _batch(*row) if row else None

    def set_status(self, name: str, status: str) -> None:
        """Close a batch, or open it again."""
        if status not in ("open", "closed"):
            raise ValueError(f"'status' must be open or closed. Got {status!r} instead.")
        with self.store.connection(write=True) as connection:
            connection.execute(sa.update(batches).where(batches.c.id == name).values(status=status))

    def items(self, batch: str) -> list[Item]:
        """All items of a batch, in the order drawn."""
        query = sa.select(items.c.record).where(items.c.batch == batch).order_by(items.c.number)
        with self.store.connection() as connection:
            return [Item.model_validate_json(text) for text in connection.execute(query).scalars()]

    def item(self, name: str) -> Item | None:
        """One item by its id."""
        with self.store.connection() as connection:
            text = connection.execute(sa.select(items.c.record).where(items.c.id == name)).scalar()
        return Item.model_validate_json(text) if text else None

    # --- seats ------------------------------------------------------------------------------------

    def share(self, batch: Batch, accounts: Sequence[str]) -> int:
        """Give every item that lacks people to these accounts, evenly.

        Returns how many seats were given.

        May be called again when somebody joins; seats that exist stay.
        """
        by_example: dict[str, list[str]] = defaultdict(list)
        query = (
            sa.select(items.c.id, items.c.example)
            .where(items.c.batch == batch.id)
            .order_by(items.c.number)
        )
        with self.store.connection(write=True) as connection:
            for item, example in connection.execute(query):
                by_example[example].append(item)
            taken = connection.execute(
                sa.select(assignments.c.item, assignments.c.account).where(
                    assignments.c.batch == batch.id
                )
            ).all()
            raters = [a for a in accounts if a not in batch.adjudicators]
            seats = share_out(
                by_example,
                raters,
                raters=batch.raters,
                seed=batch.seed,
                ordered=batch.ordered,
                taken=[(i, a) for i, a in taken if a not in batch.adjudicators],
            )
            start = len(taken)
            lines = [_seat(s, batch.id, start) for s in seats]
            given = insert_all_once(
                connection, assignments, lines, ("item", "account"), give="account"
            )
            add_to_tallies(connection, batch.id, {a: (n, 0) for a, n in Counter(given).items()})
            return len(given)

    def give(self, item: Item, account: str) -> None:
        """Give one more person a seat at one item: the adjudicator where annotators disagree."""
        line = _seat(Seat(item=item.id, account=account, position=item.number), item.batch, 0)
        with self.store.connection(write=True) as connection:
            if insert_once(connection, assignments, line, ("item", "account")):
                add_to_tallies(connection, item.batch, {account: (1, 0)})

    def release(self, batch: str, account: str) -> int:
        """Take the open seats of somebody who will not come back.

        `share` can then give them to others.
        """
        query = sa.delete(assignments).where(
            assignments.c.batch == batch,
            assignments.c.account == account,
            assignments.c.status == "open",
        )
        with self.store.connection(write=True) as connection:
            taken = connection.execute(query).rowcount
            add_to_tallies(connection, batch, {account: (-taken, 0)})
            return taken

    def before(self, item: str, account: str) -> tuple[Item, Batch] | None:
        """An item and its batch if this person has a seat at it, else None: one query."""
        query = (
            sa.select(items.c.record, batches.c.record, batches.c.status)
            .join(batches, batches.c.id == items.c.batch)
            .join(assignments, assignments.c.item == items.c.id)
            .where(items.c.id == item, assignments.c.account == account)
        )
        with self.store.connection() as connection:
            row = connection.execute(query).first()
        return (Item.model_validate_json(row[0]), _batch(row[1], row[2])) if row else None

    def seat(self, item: str, account: str) -> str | None:
        """``open`` or ``done`` if this person was given this item, else None."""
        query = sa.select(assignments.c.status).where(
            assignments.c.item == item, assignments.c.account == account
        )
        with self.store.connection() as connection:
            return connection.execute(query).scalar()

    def has_seat(self, batch: str, account: str) -> bool:
        """Whether this person was given anything in this batch."""
        here = sa.and_(
            tallies.c.batch == batch,
            tallies.c.account == account,
            tallies.c.open + tallies.c.done > 0,
        )
        with self.store.connection() as connection:
            return connection.execute(sa.select(sa.literal(1)).where(here)).first() is not None

    def seats(self, batch: str) -> dict[str, dict[str, int]]:
        """Seats of each account by status: ``{account: {"open": 3, "done": 9}}``."""
        with self.store.connection() as connection:
            return seats_of(connection, batch)

    def tallies(self) -> dict[str, Tally]:
        """How far every batch is, by its id: one query over the counts that are kept."""
        with self.store.connection() as connection:
            return tallies_of(connection)

    def queues(self, account: str) -> list[Queue]:
        """Everything that one person has to do in open batches, oldest batch first, and how long it takes."""
        query = (
            sa.select(batches.c.record, batches.c.status, tallies.c.open, tallies.c.done)
            .join(tallies, tallies.c.batch == batches.c.id)
            .where(
                tallies.c.account == account,
                batches.c.status == "open",
                tallies.c.open + tallies.c.done > 0,
            )
            .order_by(batches.c.created, batches.c.id)
        )
        with self.store.connection() as connection:
            found = [
                (_batch(record, state), left, done)
                for record, state, left, done in connection.execute(query)
            ]
        return [
            Queue(batch=b, left=left, done=done, minutes=left * self.pace(b, account))
            for b, left, done in found
        ]

    def pace(self, batch: Batch, account: str) -> float:
        """Minutes per verdict of this person in this batch.

        The batch's estimate until `FEW` are in.
        """
        query = (
            sa.select(verdicts.c.seconds)
            .where(
                verdicts.c.batch == batch.id, verdicts.c.account == account, verdicts.c.seconds > 0
            )
            .order_by(verdicts.c.number.desc())
            .limit(50)
        )
        with self.store.connection() as connection:
            seconds = list(connection.execute(query).scalars())
        return median(seconds) / 60 if len(seconds) >= FEW else batch.minutes

    def next_items(
        self, batch: str, account: str, *, limit: int = 8, but: Sequence[str] = ()
    ) -> list[Item]:
        """The next open items of one person, in their own order, leaving out those they hold already."""
        query = (
            sa.select(items.c.record)
            .join(assignments, assignments.c.item == items.c.id)
            .where(
                assignments.c.account == account,
                assignments.c.status == "open",
                assignments.c.batch == batch,
            )
            .order_by(assignments.c.position)
            .limit(limit + len(but))
        )
        with self.store.connection() as connection:
            found = [Item.model_validate_json(t) for t in connection.execute(query).scalars()]
        return [i for i in found if i.id not in set(but)][:limit]

    # --- verdicts ---------------------------------------------------------------------------------

    def write(
        self,
        said: Said,
        *,
        item: Item,
        batch: Batch,
        account: str,
        key: str,
        seconds: float = 0.0,
        actor: str = "",
    ) -> tuple[RaterVerdict, bool]:
        """Take a person's word down, once: a key that was used before gives back what was written then.

        The verdict, the seat's new state and the line in the audit log are one transaction: when
        this returns, all three are on the disk.

        Args:
            said: The content.
            item: What it is about.
            batch: Its batch.
            account: Whose word; must have a seat at the item.
            key: Chosen by the sender, 1-64 characters.
            seconds: How long the item was in front of the person.
            actor: Name for the audit log; no line is written if empty.

        Returns:
            The verdict as written, and whether it is new.

        Raises:
            UserError: The batch is closed, the person has no seat, or the content does not fit the
                batch.
        """
        wrong = ["this batch is closed"] if batch.status != "open" else faults(said, batch, item)
        if wrong:
            earlier = self._by_key(account, key)
            if earlier is None:
                raise UserError(
                    "; ".join(wrong),
                    hint="" if batch.status == "open" else "ask for it to be opened",
                )
            return earlier, False
        now = dt.datetime.now(dt.UTC)
        line = {
            "account": account,
            "key": key,
            "item": item.id,
            "batch": batch.id,
            "seconds": float(seconds),
            "at": now.isoformat(),
            "version": batch.version,
            "record": _dump(said),
        }
        with self.store.connection(write=True) as connection:
            number = insert_numbered(connection, verdicts, line, ("account", "key"))
            if number is not None:
                _take_seat(connection, item, account, "open" if said.withdrawn else "done")
                if actor:
                    connection.execute(
                        sa.insert(audit).values(_audit(actor, item.id, batch.id, now))
                    )
        if number is not None:
            return _verdict({**line, "number": number}), True
        written = self._by_key(account, key)
        assert written is not None
        return written, False

    def _by_key(self, account: str, key: str) -> RaterVerdict | None:
        query = sa.select(verdicts).where(verdicts.c.account == account, verdicts.c.key == key)
        with self.store.connection() as connection:
            row = connection.execute(query).mappings().first()
        return _verdict(row) if row else None

    def verdicts(
        self, batch: str, *, account: str = "", all_words: bool = False
    ) -> list[RaterVerdict]:
        """What stands in a batch: each person's last word on each item, withdrawn ones left out.

        Args:
            batch: Its id.
            account: Only this person's.
            all_words: Every word ever written, in order, instead.
        """
        query = sa.select(verdicts).where(verdicts.c.batch == batch).order_by(verdicts.c.number)
        if account:
            query = query.where(verdicts.c.account == account)
        with self.store.connection() as connection:
            said = [_verdict(row) for row in connection.execute(query).mappings()]
        return said if all_words else standing(said)

    def said_before(self, names: Sequence[str], account: str) -> dict[str, Said]:
        """What a person last said of these items, by item: such as before the guideline changed."""
        query = (
            sa.select(verdicts.c.item, verdicts.c.record)
            .where(verdicts.c.item.in_(list(names)), verdicts.c.account == account)
            .order_by(verdicts.c.number)
        )
        with self.store.connection() as connection:
            found = {
                item: Said.model_validate_json(record) for item, record in connection.execute(query)
            }
        return {item: said for item, said in found.items() if not said.withdrawn}

    def last(self, batch: str, account: str) -> RaterVerdict | None:
        """The newest standing verdict of one person in a batch."""
        own = self.verdicts(batch, account=account)
        return max(own, key=lambda v: v.number) if own else None


def standing(said: Sequence[RaterVerdict]) -> list[RaterVerdict]:
    """The last word of each person on each item, withdrawn ones left out, in order of arrival."""
    last: dict[tuple[str, str], RaterVerdict] = {}
    for verdict in sorted(said, key=lambda v: v.number):
        last[verdict.item, verdict.account] = verdict
    return sorted((v for v in last.values() if not v.said.withdrawn), key=lambda v: v.number)


def new_id() -> str:
    """32 random hex characters."""
    return secrets.token_hex(16)


def _take_seat(connection: sa.Connection, item: Item, account: str, status: str) -> None:
    """Set the state of a seat and count it.

    Whoever has none is refused, which undoes the transaction.
    """
    here = sa.and_(assignments.c.item == item.id, assignments.c.account == account)
    other = assignments.c.status != status
    if connection.execute(sa.update(assignments).where(here, other).values(status=status)).rowcount:
        step = 1 if status == "done" else -1
        add_to_tallies(connection, item.batch, {account: (-step, step)})
    elif connection.execute(sa.select(sa.literal(1)).where(here)).first() is None:
        raise UserError("this item was not given to you", hint="go back to your queue")


def _audit(actor: str, item: str, batch: str, now: dt.datetime) -> dict[str, str]:
    return {
        "at": now.isoformat(),
        "account": actor[:128],
        "action": "verdict",
        "subject": item,
        "record": json.dumps({"batch": batch}),
    }


def _batch(record: str, status: str) -> Batch:
    return Batch.model_validate({**json.loads(record), "status": status})


def _verdict(row: Mapping[Any, Any]) -> RaterVerdict:
    values = {
        k: row[k] for k in ("number", "key", "item", "batch", "account", "at", "seconds", "version")
    }
    return RaterVerdict(**values, said=Said.model_validate_json(row["record"]))


def _seat(seat: Seat, batch: str, start: int) -> dict[str, Any]:
    return {
        "item": seat.item,
        "account": seat.account,
        "batch": batch,
        "position": start + seat.position,
        "status": "open",
    }


def _dump(value: Value) -> str:
    # Lone surrogates and NUL (which PostgreSQL refuses) travel as \uXXXX inside JSON.
    return json.dumps(value.model_dump(mode="python"), ensure_ascii=True, default=str)


def _clean(text: str) -> str:
    """An id as a database column can hold it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\x00", "\\x00")
