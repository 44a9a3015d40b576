"""Who rates does not see results: a maker's rights do not add up with a rater's seat.

An owner or engineer who was given items sees neither arms nor results of what they rate until their
own items are done. Once they have seen them, what they said stays as it is.
"""

from __future__ import annotations

import sqlalchemy as sa

from tunewell.people.accounts import Account
from tunewell.people.audit import AuditLog
from tunewell.people.work import Batch
from tunewell.people.work_store import WorkStore
from tunewell.store.people_tables import audit

SEEN = "results seen"
"""Action in the audit log."""

MAKERS = ("owner", "engineer")


def items_before_results(work_store: WorkStore, account_id: str, batch: Batch) -> int:
    """How many items somebody still has to judge before results of a batch may be shown.

    Those of other reviews of the same outputs count: their results tell of these.
    """
    left = 0
    for queue in work_store.queues(account_id):
        if queue.batch.id == batch.id or _same_outputs(queue.batch, batch):
            left += queue.left
    return left


def items_before_any_result(work_store: WorkStore, account_id: str) -> int:
    """The same for results of every review at once."""
    queues = work_store.queues(account_id)
    return sum(queue.left for queue in queues if queue.batch.kind == "review")


def _same_outputs(batch: Batch, other: Batch) -> bool:
    return bool(batch.evaluation) and batch.evaluation == other.evaluation


def _what(batch: Batch) -> str:
    """What results are of: the outputs that were judged, else the batch."""
    return batch.evaluation or batch.id


def note_seen(work_store: WorkStore, account: Account, batch: Batch) -> None:
    """Write into the log, once, that somebody has seen results."""
    if not has_seen(work_store, account, batch):
        AuditLog(work_store.store).add(account.name, SEEN, _what(batch), batch=batch.id)


def has_seen(work_store: WorkStore, account: Account, batch: Batch) -> bool:
    """Whether somebody has seen results of a batch, or of another one of the same outputs."""
    line = audit.c
    query = (
        sa.select(sa.literal(1))
        .where(line.account == account.name)
        .where(line.action == SEEN)
        .where(line.subject == _what(batch))
        .limit(1)
    )
    return work_store.store.row(query) is not None


def is_final(
    work_store: WorkStore,
    account: Account,
    batch: Batch,
    item_id: str,
) -> bool:
    """Whether somebody's word on an item stays: they have seen results since they gave it."""
    if account.role not in MAKERS or work_store.seat(item_id, account.id) != "done":
        return False
    return has_seen(work_store, account, batch)
