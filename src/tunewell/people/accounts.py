"""Who there is: people and machines, their roles, and whether they may sign in."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from typing import Any, Literal

import sqlalchemy as sa

from tunewell.errors import UserError
from tunewell.people.names import name_key, skeleton, tidy_name
from tunewell.people.password_hash import hash_password
from tunewell.store import Store
from tunewell.store.people_tables import (
    accounts,
    identities,
    invitations,
    machine_tokens,
    sessions,
)
from tunewell.store.turns import hold
from tunewell.types import Value

AccountRole = Literal["owner", "engineer", "expert", "agent", "guest"]
ROLES: dict[AccountRole, str] = {
    "owner": "Invites people, opens and closes batches, sees every result and the audit log.",
    "engineer": "Opens batches and sees their results.",
    "expert": "Reviews, annotates and adjudicates what was assigned.",
    "agent": "Writes the human answers that were asked for.",
    "guest": "Judges what was assigned; needs no password.",
}
LONGEST_EMAIL = 320

ACCOUNT_COLUMNS = (
    accounts.c.id,
    accounts.c.name,
    accounts.c.shown,
    accounts.c.role,
    accounts.c.active,
)
"""The columns of `Account`, in its order."""


class Account(Value):
    """A person or a machine that may sign in.

    Attributes:
        id: 32 random hex characters.
        name: What it signs in with, lower case.
        shown: What others see.
        role: What it may do.
        active: Whether it may sign in now.
    """

    id: str
    name: str
    shown: str
    role: AccountRole
    active: bool = True


class Accounts:
    """Read and write accounts.

    An account is found by its id or by its name, never by "either": a guest may choose the id of
    somebody else for a name.

    Args:
        store: Of the project.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def create(
        self,
        shown: str,
        *,
        role: AccountRole,
        password: str = "",
    ) -> Account:
        """Make an account; without a password only a link or a token opens it.

        Raises:
            UserError: The name is empty, taken, or could be taken for something else, or the
                password protects nothing.
        """
        shown = tidy_name(shown)
        hashed = hash_password(password) if password else ""
        account = Account(
            id=secrets.token_hex(16),
            name=name_key(shown),
            shown=shown,
            role=role,
        )
        line = {
            **account.model_dump(),
            "password": hashed,
            "created": dt.datetime.now(dt.UTC).isoformat(),
        }
        with self.store.connection(write=True) as connection:
            hold(connection, "names of accounts")
            if _is_taken(connection, shown):
                raise UserError(f"the name {shown!r} is taken", hint="choose another one")
            connection.execute(sa.insert(accounts).values(**line))
        return account

    def by_id(self, account_id: str) -> Account | None:
        """The account with this id."""
        return self._first(accounts.c.id == account_id)

    def by_name(self, name: str) -> Account | None:
        """The account that signs in with this name, however it is written."""
        return self._first(accounts.c.name == name_key(name))

    def all(self) -> list[Account]:
        """Everybody, by name."""
        query = sa.select(*ACCOUNT_COLUMNS).order_by(accounts.c.name)
        rows = self.store.rows(query)
        return [account_of(row) for row in rows]

    def _first(self, where: sa.ColumnElement[bool]) -> Account | None:
        query = sa.select(*ACCOUNT_COLUMNS).where(where)
        row = self.store.row(query)
        return account_of(row) if row else None

    def set_role(self, account_id: str, role: AccountRole) -> None:
        """Give another role, which ends all sessions, tokens and open links of the account."""
        self._change(account_id, role=role)

    def set_active(self, account_id: str, active: bool) -> None:
        """Let in, or lock out, which ends everything that the account could be entered by."""
        self._change(account_id, active=active)

    def set_password(self, account_id: str, password: str) -> None:
        """Replace a password, which ends all sessions, tokens and open links of the account.

        Raises:
            UserError: The password protects nothing.
        """
        self._change(account_id, password=hash_password(password))

    def _change(self, account_id: str, **values: Any) -> None:
        """Change an account, and end what was handed out in its name before."""
        change = sa.update(accounts).where(accounts.c.id == account_id).values(**values)
        end_sessions = sa.delete(sessions).where(sessions.c.account == account_id)
        end_tokens = (
            sa.update(machine_tokens)
            .where(machine_tokens.c.account == account_id)
            .values(revoked=True)
        )
        end_links = (
            sa.delete(invitations)
            .where(invitations.c.account == account_id)
            .where(invitations.c.used_by == "")
        )
        self.store.change(end_sessions, end_tokens, end_links, change)

    def erase(self, account_id: str) -> None:
        """Take a person's name, address and password away and lock the account for ever."""
        blank = {"name": account_id, "shown": f"erased {account_id[:6]}", "email": ""}
        self._change(account_id, active=False, password="", **blank)
        forget = sa.delete(identities).where(identities.c.account == account_id)
        self.store.change(forget)

    def set_email(self, account_id: str, email: str) -> None:
        """Where notices of work go; empty = nowhere."""
        change = (
            sa.update(accounts)
            .where(accounts.c.id == account_id)
            .values(email=email[:LONGEST_EMAIL])
        )
        self.store.change(change)

    def emails(self, *, active_only: bool = True) -> dict[str, str]:
        """E-mail addresses of accounts that have left one, by id of the account."""
        query = sa.select(accounts.c.id, accounts.c.email).where(accounts.c.email != "")
        if active_only:
            query = query.where(accounts.c.active.is_(True))
        rows = self.store.rows(query)
        return {row.id: row.email for row in rows}


def _is_taken(connection: sa.Connection, shown: str) -> bool:
    """Whether an account has this name, or one that looks like it."""
    key, look = name_key(shown), skeleton(shown)
    names = connection.execute(sa.select(accounts.c.name, accounts.c.shown))
    return any(key == name or look == skeleton(other) for name, other in names)


def account_of(row: Sequence[Any]) -> Account:
    """The account in a row that begins with `ACCOUNT_COLUMNS`."""
    account_id, name, shown, role, active = row[: len(ACCOUNT_COLUMNS)]
    return Account(
        id=account_id,
        name=name,
        shown=shown,
        role=role,
        active=active,
    )
