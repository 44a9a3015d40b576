"""Tokens with which programs use the API."""

from __future__ import annotations

import secrets
import time

import sqlalchemy as sa

from tunewell.people.accounts import ACCOUNT_COLUMNS, Account, account_of
from tunewell.people.names import tidy_name
from tunewell.people.sessions import Session
from tunewell.people.token_digest import token_digest
from tunewell.store import Store
from tunewell.store.people_tables import accounts, machine_tokens

TOKEN_S = 90 * 24 * 3600.0


class ApiTokens:
    """Makes, finds and revokes tokens.

    Args:
        store: Of the project.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def make(
        self,
        account: Account,
        *,
        name: str,
        lasts_s: float = TOKEN_S,
    ) -> str:
        """A token for the API; shown once."""
        secret = f"tw_{secrets.token_urlsafe(32)}"
        now = time.time()
        line = {
            "token": token_digest(secret),
            "account": account.id,
            "name": tidy_name(name),
            "created": now,
            "expires": now + lasts_s,
            "revoked": False,
        }
        self.store.change(sa.insert(machine_tokens).values(**line))
        return secret

    def find(self, secret: str) -> Session | None:
        """Whose token this is: neither revoked nor expired, of an active account."""
        token = machine_tokens.c
        query = (
            sa.select(*ACCOUNT_COLUMNS, token.expires)
            .join(machine_tokens, token.account == accounts.c.id)
            .where(token.token == token_digest(secret))
            .where(_in_force())
            .where(accounts.c.active.is_(True))
        )
        row = self.store.row(query)
        if row is None:
            return None
        # A program sends no forms, so it needs no token against forged ones.
        return Session(
            account=account_of(row),
            csrf="",
            expires=row.expires,
        )

    def names(self, account_id: str) -> list[str]:
        """Names of an account's tokens in force."""
        token = machine_tokens.c
        query = (
            sa.select(token.name).where(token.account == account_id).where(_in_force()).distinct()
        )
        return self.store.values(query)

    def revoke(self, account_id: str, token_name: str) -> int:
        """Revoke the tokens of an account with this name; how many there were."""
        token = machine_tokens.c
        change = (
            sa.update(machine_tokens)
            .where(token.account == account_id)
            .where(token.name == token_name)
            .values(revoked=True)
        )
        return self.store.change(change)


def _in_force() -> sa.ColumnElement[bool]:
    token = machine_tokens.c
    return sa.and_(
        token.revoked.is_(False),
        token.expires > time.time(),
    )
