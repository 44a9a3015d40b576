"""Links that make one account each."""

from __future__ import annotations

import secrets
import time

import sqlalchemy as sa

from tunewell.errors import UserError
from tunewell.people.accounts import Account, AccountRole, Accounts
from tunewell.people.password_hash import SHORTEST_PASSWORD
from tunewell.people.token_digest import token_digest
from tunewell.store import Store
from tunewell.store.people_tables import invitations
from tunewell.types import Value

INVITATION_S = 7 * 24 * 3600.0


class Invitation(Value):
    """What a link makes: an account of this role, with work in a batch if one is named."""

    role: AccountRole
    batch: str
    author: str
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
        author: str,
        batch: str = "",
        lasts_s: float = INVITATION_S,
    ) -> str:
        """The secret of a link that makes one account of this role.

        With ``batch`` it is given work there.
        """
        secret = secrets.token_urlsafe(24)
        now = time.time()
        line = {
            "token": token_digest(secret),
            "role": role,
            "batch": batch,
            "author": author,
            "created": now,
            "expires": now + lasts_s,
            "used_by": "",
        }
        self.store.change(sa.insert(invitations).values(**line))
        return secret

    def find(self, secret: str) -> Invitation | None:
        """The invitation that a secret opens, if it is neither used nor expired."""
        link = invitations.c
        query = (
            sa.select(invitations)
            .where(link.token == token_digest(secret))
            .where(link.used_by == "")
            .where(link.expires > time.time())
        )
        row = self.store.row(query)
        if row is None:
            return None
        return Invitation(
            role=row.role,
            batch=row.batch,
            author=row.author,
            expires=row.expires,
        )

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


def _no_longer_valid() -> UserError:
    return UserError("this link has been used or has expired", hint="ask for a new one")
