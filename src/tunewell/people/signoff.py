"""Sign-off: who vouches for what, on which place of the source, under which guideline.

Open again when it changes.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from tunewell.people.accounts import Accounts
from tunewell.people.audit import AuditLog
from tunewell.people.guide import read_guideline
from tunewell.people.seat_counts import add_to_tallies
from tunewell.people.work import Batch, Item, RaterVerdict
from tunewell.people.work_rows import to_json
from tunewell.people.work_store import WorkStore
from tunewell.project import Project
from tunewell.safe_text import cell
from tunewell.store import Store
from tunewell.store.people_tables import assignments, batches, guidelines
from tunewell.store.turns import hold
from tunewell.types import Value

CSV_COLUMNS = (
    "row",
    "arms",
    "criterion",
    "value",
    "evidence",
    "signed by",
    "at",
    "guideline",
    "holds",
)


class SignOff(Value):
    """A person's signature under one output.

    Attributes:
        example: The row.
        arms: Whose output it is.
        criterion: What is vouched for.
        value: The verdict.
        quotes: The places of the source that support it.
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


def sign_offs(work_store: WorkStore, batch: Batch) -> list[SignOff]:
    """Every standing verdict on a criterion that is signed, oldest first."""
    signers = {account.id: account.shown for account in Accounts(work_store.store).all()}
    items = {item.id: item for item in work_store.items(batch.id)}
    found: list[SignOff] = []
    for verdict in work_store.verdicts(batch.id):
        item = items[verdict.item]
        if item.gold or verdict.said.skipped:
            continue
        signer = signers.get(verdict.account, verdict.account)
        found += _signed(verdict, item, batch, signer)
    return found


def _signed(
    verdict: RaterVerdict,
    item: Item,
    batch: Batch,
    signer: str,
) -> Iterator[SignOff]:
    """The signatures in one verdict, one for each signed criterion."""
    for criterion in batch.signed:
        if criterion.name not in verdict.said.scores:
            continue
        spans = [span for span in verdict.said.evidence if span.label == criterion.name]
        yield SignOff(
            example=item.example,
            arms=item.arms,
            criterion=criterion.name,
            value=verdict.said.scores[criterion.name],
            quotes=tuple(item.source[span.start : span.end] for span in spans),
            spans=tuple((span.start, span.end) for span in spans),
            signer=signer,
            at=verdict.at,
            version=verdict.version,
            holds=verdict.version == batch.version,
        )


def sign_offs_csv(found: Sequence[SignOff]) -> str:
    """Sign-offs for a spreadsheet, one a line.

    Cells that it would run as formulas are quoted with an apostrophe.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for sign_off in found:
        values = (
            sign_off.example,
            " ".join(sign_off.arms),
            sign_off.criterion,
            sign_off.value,
            " | ".join(sign_off.quotes),
            sign_off.signer,
            sign_off.at.isoformat(),
            sign_off.version,
            "yes" if sign_off.holds else "open again",
        )
        writer.writerow([cell(value) for value in values])
    return file.getvalue()


def reopen_sign_offs(
    project: Project,
    *,
    author: str = "Tunewell",
) -> dict[str, int]:
    """Open signed work again where the guideline has changed since people signed.

    The batch takes the guideline of now; seats whose verdict was given under another version are
    open again, and those verdicts no longer count on signed criteria. The words of the old
    guideline stay readable by version.

    Returns:
        Seats that were opened again, by batch.
    """
    file, store = project.file, project.store
    work_store = WorkStore(store)
    signed = [batch for batch in work_store.batches(kind="review") if batch.signed]
    if not signed:
        return {}

    guideline = read_guideline(file)
    found: dict[str, int] = {}
    for batch in signed:
        if batch.guideline == guideline:
            continue
        keep_asked(store, batch)
        changed = batch.model_copy(update={"guideline": guideline})
        seats = reopen_stale(work_store, changed)
        found[batch.id] = seats
        AuditLog(store).add(
            author,
            "guideline changed",
            batch.id,
            before=batch.version,
            seats=seats,
        )
    return found


def keep_asked(store: Store, batch: Batch) -> None:
    """Keep what people are asked under its version."""
    asked = {
        "guideline": batch.guideline,
        "rubric": [criterion.model_dump(mode="json") for criterion in batch.rubric],
        "labels": [*batch.span_labels, *batch.row_labels, *batch.error_tags],
    }
    line = {
        "version": batch.version,
        "at": dt.datetime.now(dt.UTC).isoformat(),
        "record": json.dumps(asked),
    }
    known = sa.select(sa.literal(1)).where(guidelines.c.version == batch.version)
    with store.connection(write=True) as connection:
        hold(connection, "guidelines")
        if connection.execute(known).first() is None:
            connection.execute(sa.insert(guidelines).values(**line))


def asked_under(store: Store, version: str) -> dict[str, object] | None:
    """What people were asked under a version that a verdict names; None if it was never kept."""
    kept = guidelines.c
    query = sa.select(kept.record).where(kept.version == version)
    record = store.value(query)
    return dict(json.loads(record)) if record else None


def reopen_stale(work_store: WorkStore, batch: Batch) -> int:
    """Write the batch as it is now and open the seats whose verdict has another version.

    Returns:
        How many seats are open again.
    """
    seat = assignments.c
    stale = set()
    for verdict in work_store.verdicts(batch.id):
        if verdict.version != batch.version:
            stale.add((verdict.item, verdict.account))

    change_batch = (
        sa.update(batches)
        .where(batches.c.id == batch.id)
        .values(record=to_json(batch), status="open")
    )
    opened: Counter[str] = Counter()
    with work_store.store.connection(write=True) as connection:
        connection.execute(change_batch)
        for item, account in sorted(stale):
            open_seat = (
                sa.update(assignments)
                .where(seat.item == item)
                .where(seat.account == account)
                .where(seat.status == "done")
                .values(status="open")
            )
            if connection.execute(open_seat).rowcount:
                opened[account] += 1
        steps = {account: (count, -count) for account, count in opened.items()}
        add_to_tallies(connection, batch.id, steps)
    return opened.total()
