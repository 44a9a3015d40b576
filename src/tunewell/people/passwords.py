"""Signing in by name and password, and who has to wait because it failed too often.

An attempt is counted before its password is hashed, under the name and the address together:
whoever tries passwords for somebody else's name locks out only those at their own address.
"""

from __future__ import annotations

import sqlalchemy as sa

from tunewell.errors import UserError
from tunewell.people.accounts import ACCOUNT_COLUMNS, Account, account_of
from tunewell.people.failed_attempts import FAILURE_S, FailedAttempts
from tunewell.people.names import name_key
from tunewell.people.password_hash import password_matches
from tunewell.store import Store
from tunewell.store.people_tables import accounts
from tunewell.types import Value

MOST_FAILURES = 8
"""Failed sign-ins of one name from one address within `FAILURE_S`; further ones are refused."""


class SignInAttempt(Value):
    """An attempt that was counted and may be hashed.

    Attributes:
        key: What it was counted under.
        account: The account of the name, if there is an active one with a password.
        kept: Hash of its password.
    """

    key: str
    account: Account | None
    kept: str | None


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
            UserError: Too many failed attempts lately, of this name from this address.
        """
        attempt = self.begin(name, address=address)
        return self.end(attempt, password_matches(password, attempt.kept))

    def begin(self, name: str, *, address: str = "") -> SignInAttempt:
        """Count an attempt, before its password is looked at.

        Raises:
            UserError: Too many failed attempts lately, of this name from this address.
        """
        name = name_key(name).replace("\x00", "")
        key = f"{name} from {address}"
        if not self.failed.note_below(key, MOST_FAILURES):
            raise UserError(
                "too many failed attempts",
                hint=f"try again in {FAILURE_S / 60:.0f} minutes",
            )
        account, kept = self._with_password(name)
        return SignInAttempt(key=key, account=account, kept=kept)

    def end(self, attempt: SignInAttempt, matches: bool) -> Account | None:
        """Give the account if the password matched; the attempt then no longer counts."""
        if not matches:
            return None
        self.failed.forget(attempt.key)
        return attempt.account

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
