"""Who is signed in with a browser."""

from __future__ import annotations

import secrets
import time

import sqlalchemy as sa

from tunewell.people.accounts import ACCOUNT_COLUMNS, Account, account_of
from tunewell.people.token_digest import token_digest
from tunewell.store import Store
from tunewell.store.people_tables import accounts, sessions
from tunewell.types import Value

SESSION_S = 12 * 3600.0


class Session(Value):
    """Somebody who is signed in; ``csrf`` must come with everything that changes anything."""

    account: Account
    csrf: str
    expires: float


class Sessions:
    """Starts, finds and ends sessions.

    Args:
        store: Of the project.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def start(self, account: Account, *, lasts_s: float = SESSION_S) -> str:
        """Start a session and give its secret, which is stored nowhere."""
        secret = secrets.token_urlsafe(32)
        now = time.time()
        line = {
            "token": token_digest(secret),
            "account": account.id,
            "csrf": secrets.token_urlsafe(24),
            "created": now,
            "expires": now + lasts_s,
        }
        forget = sa.delete(sessions).where(sessions.c.expires < now)
        start = sa.insert(sessions).values(**line)
        self.store.change(forget, start)
        return secret

    def find(self, secret: str) -> Session | None:
        """The session that a secret opens: not expired, of an active account."""
        session = sessions.c
        query = (
            sa.select(*ACCOUNT_COLUMNS, session.csrf, session.expires)
            .join(sessions, session.account == accounts.c.id)
            .where(session.token == token_digest(secret))
            .where(session.expires > time.time())
            .where(accounts.c.active.is_(True))
        )
        row = self.store.row(query)
        if row is None:
            return None
        return Session(
            account=account_of(row),
            csrf=row.csrf,
            expires=row.expires,
        )

    def end(self, secret: str) -> None:
        """End a session."""
        end = sa.delete(sessions).where(sessions.c.token == token_digest(secret))
        self.store.change(end)
