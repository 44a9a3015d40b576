"""Who decides where annotators disagree: named when a batch is opened, or later."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from tunewell.errors import UserError
from tunewell.people.accounts import Accounts
from tunewell.people.audit import AuditLog
from tunewell.people.work import Batch
from tunewell.people.work_store import WorkStore
from tunewell.store.people_tables import assignments, verdicts

ADJUDICATE = ("owner", "engineer", "expert")
"""Roles that may decide."""


def name_adjudicators(
    work_store: WorkStore,
    batch: Batch,
    accounts: Sequence[str],
    *,
    author: str,
) -> Batch:
    """Say who decides where annotators of a batch disagree, in the place of who did before.

    Args:
        work_store: Of the project.
        batch: An annotation.
        accounts: Ids of accounts; nobody decides if empty.
        author: Who says it.

    Returns:
        The batch as it is now.

    Raises:
        UserError: It is a review; an account is unknown or may not decide; one of them annotates
            the same batch; or one who has decided something is left out.
    """
    if batch.kind != "annotate":
        raise UserError("only annotations have adjudicators", hint="reviews count every verdict")
    store = work_store.store
    wanted = tuple(dict.fromkeys(accounts))
    for account in wanted:
        if account not in batch.adjudicators:
            _check_may_decide(work_store, batch, account)
    for account in batch.adjudicators:
        if account not in wanted and _has_spoken(work_store, batch, account):
            raise UserError(
                f"{_shown(work_store, account)} has decided items of this batch already",
                hint="add others beside them",
            )

    changed = batch.model_copy(update={"adjudicators": wanted})
    if changed != batch:
        work_store.revise(changed, [])
        names = [_shown(work_store, account) for account in wanted]
        AuditLog(store).add(author, "adjudicators named", batch.id, people=", ".join(names))
    return changed


def _check_may_decide(work_store: WorkStore, batch: Batch, account_id: str) -> None:
    account = Accounts(work_store.store).by_id(account_id)
    if account is None or not account.active:
        raise UserError("there is no such account", hint="the page People lists them")
    if account.role not in ADJUDICATE:
        raise UserError(
            f"{account.shown} is {account.role}: only {', '.join(ADJUDICATE)} may decide",
            hint="change the role on the page People",
        )
    if _has_seat(work_store, batch, account_id):
        raise UserError(
            f"{account.shown} annotates this batch and cannot decide it as well",
            hint="name somebody else, or unassign their items first",
        )


def _has_seat(work_store: WorkStore, batch: Batch, account: str) -> bool:
    seat = assignments.c
    query = sa.select(sa.literal(1)).where(seat.batch == batch.id, seat.account == account)
    spoken = _has_spoken(work_store, batch, account)
    return spoken or work_store.store.row(query.limit(1)) is not None


def _has_spoken(work_store: WorkStore, batch: Batch, account: str) -> bool:
    said = verdicts.c
    query = sa.select(sa.literal(1)).where(said.batch == batch.id, said.account == account)
    return work_store.store.row(query.limit(1)) is not None


def _shown(work_store: WorkStore, account_id: str) -> str:
    account = Accounts(work_store.store).by_id(account_id)
    return account.shown if account else account_id[:8]
