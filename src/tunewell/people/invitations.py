"""Links that make one account each."""

from __future__ import annotations

import secrets
import time
from typing import Any

import sqlalchemy as sa

from tunewell.errors import UserError
from tunewell.people.accounts import Account, AccountRole, Accounts
from tunewell.people.password_hash import SHORTEST_PASSWORD
from tunewell.people.token_digest import token_digest
from tunewell.store import Store
from tunewell.store.people_tables import accounts, invitations
from tunewell.types import Value

INVITATION_S = 7 * 24 * 3600.0


class Invitation(Value):
    """What a link makes: an account of this role, with work in a batch if one is named.

    Attributes:
        id: Names the link in lists; it does not open it.
        role: Of the account that it makes.
        batch: Where that account is given work; empty = nowhere.
        author: Name of who made it.
        account: Id of who made it, with whose rights it ends; empty = the command line.
        expires: When it ends by itself, in seconds since 1970.
    """

    id: str
    role: AccountRole
    batch: str
    author: str
    account: str
    expires: float


class Invitations:
    """Makes links and takes them up.

    Args:
        store: Of the project.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def make(
        self,
        role: AccountRole,
        *,
        author: Account | str,
        batch: str = "",
        lasts_s: float = INVITATION_S,
    ) -> str:
        """The secret of a link that makes one account of this role.

        Args:
            role: Of the account.
            author: Who makes the link; a name alone where the command line does.
            batch: Where the account is given work.
            lasts_s: How long the link can be used.
        """
        account = author.id if isinstance(author, Account) else ""
        shown = author.shown if isinstance(author, Account) else author
        secret = secrets.token_urlsafe(24)
        now = time.time()
        line = {
            "token": token_digest(secret),
            "role": role,
            "batch": batch,
            "id": secrets.token_hex(16),
            "author": shown,
            "account": account,
            "created": now,
            "expires": now + lasts_s,
            "used_by": "",
        }
        self.store.change(sa.insert(invitations).values(**line))
        return secret

    def find(self, secret: str) -> Invitation | None:
        """The invitation that a secret opens, if it is neither used nor expired."""
        query = _open().where(invitations.c.token == token_digest(secret))
        row = self.store.row(query)
        return _invitation(row) if row else None

    def open(self, author_id: str = "") -> list[Invitation]:
        """Links that can still be used, oldest first: everybody's, or those of one author."""
        query = _open().order_by(invitations.c.created, invitations.c.id)
        if author_id:
            query = query.where(invitations.c.account == author_id)
        return [_invitation(row) for row in self.store.rows(query)]

    def revoke(self, invitation_id: str, *, author_id: str = "") -> bool:
        """End a link, if it is of this author; gives whether there was one."""
        link = invitations.c
        end = sa.delete(invitations).where(link.id == invitation_id).where(link.used_by == "")
        if author_id:
            end = end.where(link.account == author_id)
        return bool(self.store.change(end))

    def accept(
        self,
        secret: str,
        shown: str,
        *,
        password: str = "",
    ) -> tuple[Account, Invitation]:
        """Use an invitation up and make its account.

        Raises:
            UserError: The link is no longer valid, or the account cannot be made (then the link
                stays valid).
        """
        invitation = self.find(secret)
        if invitation is None:
            raise _no_longer_valid()
        if invitation.role != "guest" and not password:
            raise UserError(f"choose a password of at least {SHORTEST_PASSWORD} characters")

        self._claim(secret)
        try:
            account = Accounts(self.store).create(
                shown,
                role=invitation.role,
                password=password,
            )
        except UserError:
            self._set_used(secret, "")
            raise
        self._set_used(secret, account.id)
        return account, invitation

    def _claim(self, secret: str) -> None:
        """Mark a link as used before its account is made, so that nobody else can take it up."""
        link = invitations.c
        claim = (
            sa.update(invitations)
            .where(link.token == token_digest(secret))
            .where(link.used_by == "")
            .values(used_by=secrets.token_hex(16))
        )
        if not self.store.change(claim):
            raise _no_longer_valid()

    def _set_used(self, secret: str, by: str) -> None:
        change = (
            sa.update(invitations)
            .where(invitations.c.token == token_digest(secret))
            .values(used_by=by)
        )
        self.store.change(change)


def _open() -> sa.Select[Any]:
    """Links that are neither used nor expired, and whose author may still invite."""
    link = invitations.c
    by_owner = accounts.c.role == "owner"
    guest_by_engineer = sa.and_(accounts.c.role == "engineer", link.role == "guest")
    author_may = sa.and_(accounts.c.active.is_(True), sa.or_(by_owner, guest_by_engineer))
    return (
        sa.select(invitations)
        .outerjoin(accounts, accounts.c.id == link.account)
        .where(link.used_by == "")
        .where(link.expires > time.time())
        .where(sa.or_(link.account == "", author_may))
    )


def _invitation(row: sa.Row[Any]) -> Invitation:
    return Invitation(
        id=row.id,
        role=row.role,
        batch=row.batch,
        author=row.author,
        account=row.account,
        expires=row.expires,
    )


def _no_longer_valid() -> UserError:
    return UserError("this link has been used or has expired", hint="ask for a new one")
