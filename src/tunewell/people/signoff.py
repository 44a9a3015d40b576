"""Sign-off: who vouches for what, on which place of the source, under which guideline.

Open again when it changes.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Sequence

import sqlalchemy as sa

from tunewell.people.accounts import Accounts
from tunewell.people.guide import read_guideline
from tunewell.people.safe_text import cell
from tunewell.people.seat_counts import add_to_tallies
from tunewell.people.work import Batch
from tunewell.people.work_store import Book
from tunewell.store import Store
from tunewell.store.once import insert_once
from tunewell.store.people_tables import assignments, batches, guidelines
from tunewell.task import TaskFile
from tunewell.types import Value


class SignOff(Value):
    """A person's signature under one output.

    Attributes:
        example: The row.
        arms: Whose output it is.
        criterion: What is vouched for.
        value: The verdict.
        quotes: The places of the source that bear it out.
        spans: The same as characters of the source, (start, end).
        signer: Name of the account.
        at: When, UTC.
        version: Of the guideline and the questions.
        holds: Whether the guideline is still the same; otherwise the item is open again and the
            verdict does not count.
    """

    example: str
    arms: tuple[str, ...]
    criterion: str
    value: float
    quotes: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    signer: str
    at: dt.datetime
    version: str
    holds: bool


def sign_offs(book: Book, batch: Batch) -> list[SignOff]:
    """Every standing verdict on a criterion that is signed, oldest first."""
    names = {a.id: a.shown for a in Accounts(book.store).accounts()}
    items = {i.id: i for i in book.items(batch.id)}
    out = []
    for verdict in book.verdicts(batch.id):
        item = items[verdict.item]
        for criterion in batch.signed:
            if criterion.name not in verdict.said.scores or verdict.said.skipped or item.gold:
                continue
            spans = [s for s in verdict.said.evidence if s.label == criterion.name]
            out.append(
                SignOff(
                    example=item.example,
                    arms=item.arms,
                    criterion=criterion.name,
                    value=verdict.said.scores[criterion.name],
                    quotes=tuple(item.source[s.start : s.end] for s in spans),
                    spans=tuple((s.start, s.end) for s in spans),
                    signer=names.get(verdict.account, verdict.account),
                    at=verdict.at,
                    version=verdict.version,
                    holds=verdict.version == batch.version,
                )
            )
    return out


def sign_offs_csv(found: Sequence[SignOff]) -> str:
    """Sign-offs for a spreadsheet, one a line.

    Cells that it would run as formulas are quoted with an apostrophe.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(
        ["row", "arms", "criterion", "value", "evidence", "signed by", "at", "guideline", "holds"]
    )
    for s in found:
        cells = [
            s.example,
            " ".join(s.arms),
            s.criterion,
            s.value,
            " | ".join(s.quotes),
            s.signer,
            s.at.isoformat(),
            s.version,
            "yes" if s.holds else "open again",
        ]
        writer.writerow([cell(c) for c in cells])
    return file.getvalue()


def reopen_sign_offs(store: Store, file: TaskFile, *, author: str = "Tunewell") -> dict[str, int]:
    """Lay signed work before its people again where the guideline has changed since they signed.

    The batch takes the guideline of now; seats whose verdict was given under another version are
    open again, and those verdicts no longer count on signed criteria. The words of the old
    guideline stay readable by version.

    Returns:
        Seats that were opened again, by batch.
    """
    book = Book(store)
    found: dict[str, int] = {}
    signed = [b for b in book.batches(kind="review") if b.signed]
    if not signed:
        return found
    text = read_guideline(file)
    for batch in signed:
        if batch.guideline != text:
            keep_asked(store, batch)
            found[batch.id] = _reopen(store, book, batch.model_copy(update={"guideline": text}))
            Accounts(store).log(
                author, "guideline changed", batch.id, before=batch.version, seats=found[batch.id]
            )
    return found


def keep_asked(store: Store, batch: Batch) -> None:
    """Keep what people are asked under its version."""
    asked = {
        "guideline": batch.guideline,
        "rubric": [c.model_dump(mode="json") for c in batch.rubric],
        "labels": [*batch.span_labels, *batch.row_labels, *batch.error_tags],
    }
    line = {
        "version": batch.version,
        "at": dt.datetime.now(dt.UTC).isoformat(),
        "record": json.dumps(asked),
    }
    with store.connection(write=True) as connection:
        insert_once(connection, guidelines, line, ("version",))


def asked_under(store: Store, version: str) -> dict[str, object] | None:
    """What people were asked under a version that a verdict names; None if it was never kept."""
    with store.connection() as connection:
        text = connection.execute(
            sa.select(guidelines.c.record).where(guidelines.c.version == version)
        ).scalar()
    return dict(json.loads(text)) if text else None


def _reopen(store: Store, book: Book, batch: Batch) -> int:
    stale = {(v.item, v.account) for v in book.verdicts(batch.id) if v.version != batch.version}
    record = json.dumps(batch.model_dump(mode="python"), ensure_ascii=True, default=str)
    opened: dict[str, int] = {}
    with store.connection(write=True) as connection:
        here = batches.c.id == batch.id
        connection.execute(sa.update(batches).where(here).values(record=record, status="open"))
        for item, account in sorted(stale):
            seat = sa.and_(
                assignments.c.item == item,
                assignments.c.account == account,
                assignments.c.status == "done",
            )
            if connection.execute(
                sa.update(assignments).where(seat).values(status="open")
            ).rowcount:
                opened[account] = opened.get(account, 0) + 1
        add_to_tallies(connection, batch.id, {account: (n, -n) for account, n in opened.items()})
    return sum(opened.values())
