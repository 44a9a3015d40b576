"""People's work in the store: batches, items, seats, and verdicts that are only ever added."""

from __future__ import annotations

import datetime as dt
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import sqlalchemy as sa
from pydantic import Field

from tunewell.errors import UserError
from tunewell.people.assign import Seat, share_out
from tunewell.people.audit import audit_line
from tunewell.people.seat_counts import Tally, add_to_tallies, seats_of, tallies_of
from tunewell.people.seats import items_by_example, set_seat, take_seat, taken_seats
from tunewell.people.work import Batch, Item, RaterVerdict, Said, faults
from tunewell.people.work_rows import (
    batch_line,
    batch_of,
    item_line,
    items_of,
    seat_line,
    to_json,
    verdict_of,
)
from tunewell.store import Store
from tunewell.store.ledger import append_all
from tunewell.store.once import insert_all_once, insert_once
from tunewell.store.people_tables import assignments, audit, batches, items, tallies, verdicts
from tunewell.store.store import next_number
from tunewell.types import Value

FEW = 5
"""From this many verdicts on, a person's own pace replaces the batch's estimate."""

RECENT = 50
"""A person's pace is that of the last so many verdicts."""

HAS_SEATS = tallies.c.open + tallies.c.done > 0


class Queue(Value):
    """What one person has to do in one batch.

    Attributes:
        batch: Which.
        left: Items still open.
        done: Items finished.
        minutes: Expected minutes for what is left.
    """

    batch: Batch
    left: int = Field(ge=0)
    done: int = Field(ge=0)
    minutes: float = Field(ge=0)


@dataclass(frozen=True)
class _Submission:
    """A verdict on its way into the store."""

    said: Said
    item: Item
    batch: Batch
    account: str
    key: str
    seconds: float
    actor: str


class WorkStore:
    """Read and write people's work.

    Args:
        store: Of the project.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    # --- batches ----------------------------------------------------------------------------------

    def open_batch(self, batch: Batch, rows: Sequence[Item]) -> None:
        """Write a batch and its items, both or neither."""
        lines = [item_line(item) for item in rows]
        with self.store.connection(write=True) as connection:
            number = next_number(connection, batches)
            line = {**batch_line(batch), "number": number}
            connection.execute(sa.insert(batches).values(**line))
            if lines:
                connection.execute(sa.insert(items), lines)

    def revise(self, batch: Batch, rows: Sequence[Item]) -> None:
        """Write a batch as it is now, and further items of it, both or neither."""
        lines = [item_line(item) for item in rows]
        change = sa.update(batches).where(batches.c.id == batch.id).values(**batch_line(batch))
        with self.store.connection(write=True) as connection:
            connection.execute(change)
            if lines:
                connection.execute(sa.insert(items), lines)

    def batches(self, *, kind: str = "", status: str = "") -> list[Batch]:
        """Batches, newest first."""
        query = sa.select(batches.c.record, batches.c.status)
        query = query.order_by(batches.c.number.desc())
        if kind:
            query = query.where(batches.c.kind == kind)
        if status:
            query = query.where(batches.c.status == status)
        rows = self.store.rows(query)
        return [batch_of(row.record, row.status) for row in rows]

    def batch(self, batch_id: str) -> Batch | None:
        """One batch by its id."""
        query = sa.select(batches.c.record, batches.c.status)
        query = query.where(batches.c.id == batch_id)
        row = self.store.row(query)
        return batch_of(row.record, row.status) if row else None

    def set_status(self, batch_id: str, status: str) -> None:
        """Close a batch or open it again."""
        here = batches.c.id == batch_id
        change = sa.update(batches).where(here).values(status=status)
        self.store.change(change)

    def items(self, batch_id: str) -> list[Item]:
        """All items of a batch, in the order drawn."""
        query = sa.select(items.c.record)
        query = query.where(items.c.batch == batch_id).order_by(items.c.number)
        return items_of(self.store.values(query))

    def item(self, item_id: str) -> Item | None:
        """One item by its id."""
        query = sa.select(items.c.record).where(items.c.id == item_id)
        record = self.store.value(query)
        return Item.model_validate_json(record) if record else None

    # --- seats ------------------------------------------------------------------------------------

    def share(self, batch: Batch, accounts: Sequence[str]) -> int:
        """Give every item that lacks people to these accounts, evenly.

        Returns how many seats were given.

        May be called again when somebody joins; seats that exist stay.
        """
        raters = [account for account in accounts if account not in batch.adjudicators]
        with self.store.connection(write=True) as connection:
            taken = taken_seats(connection, batch)
            seats = share_out(
                items_by_example(connection, batch),
                raters,
                raters=batch.raters,
                seed=batch.seed,
                ordered=batch.ordered,
                taken=[seat for seat in taken if seat[1] not in batch.adjudicators],
            )
            after = len(taken)
            lines = [seat_line(seat, batch.id, after=after) for seat in seats]
            given = insert_all_once(
                connection,
                assignments,
                lines,
                ("item", "account"),
                give="account",
            )
            counts = Counter(given)
            steps = {account: (counts[account], 0) for account in counts}
            add_to_tallies(connection, batch.id, steps)
        return len(given)

    def give(self, item: Item, account: str) -> None:
        """Give one more person a seat at one item: the adjudicator where annotators disagree."""
        seat = Seat(item=item.id, account=account, position=item.number)
        line = seat_line(seat, item.batch)
        with self.store.connection(write=True) as connection:
            if insert_once(connection, assignments, line, ("item", "account")):
                add_to_tallies(connection, item.batch, {account: (1, 0)})

    def release(self, batch_id: str, account: str) -> int:
        """Take the open seats of somebody who will not come back.

        `share` can then give them to others.
        """
        seat = assignments.c
        take = (
            sa.delete(assignments)
            .where(seat.batch == batch_id)
            .where(seat.account == account)
            .where(seat.status == "open")
        )
        with self.store.connection(write=True) as connection:
            taken = connection.execute(take).rowcount
            add_to_tallies(connection, batch_id, {account: (-taken, 0)})
        return taken

    def assigned(self, item_id: str, account: str) -> tuple[Item, Batch] | None:
        """An item and its batch if this person has a seat at it, else None: one query."""
        seat = assignments.c
        query = (
            sa.select(
                items.c.record,
                batches.c.record.label("batch_record"),
                batches.c.status,
            )
            .join(batches, batches.c.id == items.c.batch)
            .join(assignments, seat.item == items.c.id)
            .where(items.c.id == item_id)
            .where(seat.account == account)
        )
        row = self.store.row(query)
        if row is None:
            return None
        item = Item.model_validate_json(row.record)
        return item, batch_of(row.batch_record, row.status)

    def seat(self, item_id: str, account: str) -> str | None:
        """``open`` or ``done`` if this person was given this item, else None."""
        seat = assignments.c
        query = sa.select(seat.status)
        query = query.where(seat.item == item_id, seat.account == account)
        status: str | None = self.store.value(query)
        return status

    def has_seat(self, batch_id: str, account: str) -> bool:
        """Whether this person was given anything in this batch."""
        tally = tallies.c
        query = (
            sa.select(sa.literal(1))
            .where(tally.batch == batch_id)
            .where(tally.account == account)
            .where(HAS_SEATS)
        )
        return self.store.row(query) is not None

    def seats(self, batch_id: str) -> dict[str, dict[str, int]]:
        """Seats of each account by status: ``{account: {"open": 3, "done": 9}}``."""
        return seats_of(self.store, batch_id)

    def tallies(self) -> dict[str, Tally]:
        """How far every batch is, by its id: one query over the counts that are kept."""
        return tallies_of(self.store)

    def queues(self, account: str) -> list[Queue]:
        """What one person has to do in open batches, oldest batch first, and how long it takes."""
        tally = tallies.c
        query = (
            sa.select(batches.c.record, batches.c.status, tally.open, tally.done)
            .join(tallies, tally.batch == batches.c.id)
            .where(tally.account == account)
            .where(batches.c.status == "open")
            .where(HAS_SEATS)
            .order_by(batches.c.number)
        )
        queues = []
        for row in self.store.rows(query):
            batch = batch_of(row.record, row.status)
            queues.append(
                Queue(
                    batch=batch,
                    left=row.open,
                    done=row.done,
                    minutes=row.open * self.pace(batch, account),
                )
            )
        return queues

    def pace(self, batch: Batch, account: str) -> float:
        """Minutes per verdict of this person in this batch.

        The batch's estimate until `FEW` are in.
        """
        verdict = verdicts.c
        query = (
            sa.select(verdict.seconds)
            .where(verdict.batch == batch.id)
            .where(verdict.account == account)
            .where(verdict.seconds > 0)
            .order_by(verdict.number.desc())
            .limit(RECENT)
        )
        seconds: list[float] = self.store.values(query)
        if len(seconds) < FEW:
            return batch.minutes
        return median(seconds) / 60

    def next_items(
        self,
        batch_id: str,
        account: str,
        *,
        limit: int = 8,
        but: Sequence[str] = (),
    ) -> list[Item]:
        """The next open items of one person, in their own order, leaving out those they hold."""
        seat = assignments.c
        query = (
            sa.select(items.c.record)
            .join(assignments, seat.item == items.c.id)
            .where(seat.account == account)
            .where(seat.status == "open")
            .where(seat.batch == batch_id)
            .order_by(seat.position)
            .limit(limit + len(but))
        )
        found = items_of(self.store.values(query))
        left_out = set(but)
        return [item for item in found if item.id not in left_out][:limit]

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
        """Save a verdict, once: a key that was used before gives back what was written then.

        The verdict, the seat's new state and the line in the audit log are one transaction: when
        this returns, all three are on the disk.

        Args:
            said: The content.
            item: What it is about.
            batch: Its batch.
            account: Id of whose word it is; must have a seat at the item.
            key: Chosen by the sender, 1-64 characters.
            seconds: How long the item was in front of the person.
            actor: Name for the audit log; no line is written if empty.

        Returns:
            The verdict as written, and whether it is new.

        Raises:
            UserError: The batch is closed, the person has no seat, or the content does not fit the
                batch.
        """
        is_open = batch.status == "open"
        wrong = faults(said, batch, item) if is_open else ["this batch is closed"]
        if wrong:
            earlier = self._by_key(account, key)
            if earlier is None:
                hint = "" if is_open else "ask for it to be reopened"
                raise UserError("; ".join(wrong), hint=hint)
            return earlier, False

        sent = _Submission(
            said=said,
            item=item,
            batch=batch,
            account=account,
            key=key,
            seconds=float(seconds),
            actor=actor,
        )
        new = self._save(sent)
        if new is not None:
            return new, True
        earlier = self._by_key(account, key)
        assert earlier is not None
        return earlier, False

    def _save(self, sent: _Submission) -> RaterVerdict | None:
        """Write a verdict, its seat and its line in the audit log; None if the key was used."""
        line = {
            "account": sent.account,
            "key": sent.key,
            "item": sent.item.id,
            "batch": sent.batch.id,
            "seconds": sent.seconds,
            "at": dt.datetime.now(dt.UTC).isoformat(),
            "version": sent.batch.version,
            "record": to_json(sent.said),
        }
        status = "open" if sent.said.withdrawn else "done"
        record = {"batch": sent.batch.id}
        logged = audit_line(sent.actor, "verdict", sent.item.id, record)
        known = sa.select(sa.literal(1)).where(_sent_as(sent.account, sent.key))
        rows: list[tuple[sa.Table, Mapping[str, Any]]] = [(verdicts, line)]
        if sent.actor:
            rows.append((audit, logged))
        with self.store.connection(write=True) as connection:
            # Of the same key sent twice at once, the second waits here, at the seat.
            before = take_seat(connection, sent.item, sent.account)
            if connection.execute(known).first() is not None:
                return None
            if before is None:
                raise UserError("this item is not assigned to you", hint="go back to your queue")
            if before != status:
                set_seat(connection, sent.item, sent.account, status)
            number = append_all(connection, rows)[0]
        return verdict_of({**line, "number": number})

    def _by_key(self, account: str, key: str) -> RaterVerdict | None:
        query = sa.select(verdicts).where(_sent_as(account, key))
        row = self.store.row(query)
        return verdict_of(row._mapping) if row else None

    def verdicts(
        self,
        batch_id: str,
        *,
        account: str = "",
        all_words: bool = False,
    ) -> list[RaterVerdict]:
        """The verdicts that stand: each person's last word on each item, but withdrawn ones.

        Args:
            batch_id: Of which batch.
            account: Only this person's.
            all_words: Every word ever written, in order, instead.
        """
        verdict = verdicts.c
        query = sa.select(verdicts).where(verdict.batch == batch_id)
        query = query.order_by(verdict.number)
        if account:
            query = query.where(verdict.account == account)
        said = [verdict_of(row._mapping) for row in self.store.rows(query)]
        return said if all_words else standing(said)

    def said_before(self, item_ids: Sequence[str], account: str) -> dict[str, Said]:
        """What a person last said of these items, by item: such as before the guideline changed."""
        verdict = verdicts.c
        query = (
            sa.select(verdicts)
            .where(verdict.item.in_(list(item_ids)))
            .where(verdict.account == account)
            .order_by(verdict.number)
        )
        last: dict[str, Said] = {}
        for row in self.store.rows(query):
            last[row.item] = verdict_of(row._mapping).said
        return {item: said for item, said in last.items() if not said.withdrawn}

    def last(self, batch_id: str, account: str) -> RaterVerdict | None:
        """The newest standing verdict of one person in a batch."""
        own = self.verdicts(batch_id, account=account)
        return own[-1] if own else None


def _sent_as(account: str, key: str) -> sa.ColumnElement[bool]:
    return sa.and_(verdicts.c.account == account, verdicts.c.key == key)


def standing(said: Sequence[RaterVerdict]) -> list[RaterVerdict]:
    """The last word of each person on each item, withdrawn ones left out, in order of arrival."""
    last: dict[tuple[str, str], RaterVerdict] = {}
    for verdict in sorted(said, key=lambda verdict: verdict.number):
        last[verdict.item, verdict.account] = verdict
    kept = [verdict for verdict in last.values() if not verdict.said.withdrawn]
    return sorted(kept, key=lambda verdict: verdict.number)


def new_id() -> str:
    """32 random hex characters."""
    return secrets.token_hex(16)
