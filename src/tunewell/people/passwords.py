"""Signing in by name and password, and who has to wait because it failed too often."""

from __future__ import annotations

import sqlalchemy as sa

from tunewell.errors import UserError
from tunewell.people.accounts import ACCOUNT_COLUMNS, Account, account_of
from tunewell.people.failed_attempts import FAILURE_S, FailedAttempts
from tunewell.people.names import name_key
from tunewell.people.password_hash import password_matches
from tunewell.store import Store
from tunewell.store.people_tables import accounts

MOST_FAILURES = 8
"""Failed sign-ins of one name from one address within `FAILURE_S`; further ones are refused."""

MOST_FAILURES_AT_ALL = 50
"""The same of one name from anywhere, or from one address with any name."""


class Passwords:
    """Checks passwords.

    Args:
        store: Of the project.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.failed = FailedAttempts(store)

    def check(
        self,
        name: str,
        password: str,
        *,
        address: str = "",
    ) -> Account | None:
        """The account that this name and password open, or None.

        As slow for names that do not exist.

        Raises:
            UserError: Too many failed attempts lately, of this name or from this address.
        """
        name = name_key(name)
        limits = {
            f"{name} from {address}": MOST_FAILURES,
            f"name {name}": MOST_FAILURES_AT_ALL,
            f"address {address}": MOST_FAILURES_AT_ALL,
        }
        if any(self.failed.count(key) >= most for key, most in limits.items()):
            raise UserError(
                "too many failed attempts",
                hint=f"try again in {FAILURE_S / 60:.0f} minutes",
            )

        account, kept = self._with_password(name)
        if password_matches(password, kept):
            return account

        for key in limits:
            self.failed.note(key)
        return None

    def _with_password(self, name: str) -> tuple[Account | None, str | None]:
        """An active account that has a password, and its hash."""
        query = (
            sa.select(*ACCOUNT_COLUMNS, accounts.c.password)
            .where(accounts.c.name == name)
            .where(accounts.c.active.is_(True))
            .where(accounts.c.password != "")
        )
        row = self.store.row(query)
        if row is None:
            return None, None
        return account_of(row), row.password
