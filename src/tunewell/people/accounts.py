"""Who may enter: accounts, passwords, sessions, invitations, tokens of machines, rate limits and the audit log."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import secrets
import time
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from tunewell.errors import MissingExtraError, UserError
from tunewell.store import Store
from tunewell.store.once import insert_once
from tunewell.store.people_tables import (
    accounts,
    attempts,
    audit,
    invitations,
    machine_tokens,
    sessions,
)
from tunewell.types import Value

if TYPE_CHECKING:
    from pwdlib import PasswordHash

AccountRole = Literal["owner", "engineer", "expert", "agent", "guest"]
ROLES: dict[AccountRole, str] = {
    "owner": "Invites people, makes and closes batches, sees every result and the audit log.",
    "engineer": "Makes batches and sees their results.",
    "expert": "Reviews, annotates and adjudicates what was assigned.",
    "agent": "Writes the human answers that were asked for.",
    "guest": "Judges what was assigned; needs no password.",
}

SESSION_S = 12 * 3600.0
INVITATION_S = 7 * 24 * 3600.0
TOKEN_S = 90 * 24 * 3600.0
SHORTEST_PASSWORD = 10
MOST_FAILURES = 8
"""Failed sign-ins of one name from one address within `FAILURE_S` seconds, before further ones are refused."""
MOST_FAILURES_AT_ALL = 50
"""The same of one name from anywhere, or from one address with any name."""
FAILURE_S = 15 * 60.0


class Account(Value):
    """A person or a machine that may enter.

    Attributes:
        id: Random.
        name: What it signs in with, lower case.
        shown: What others see.
        role: What it may do.
        active: Whether it may enter now.
    """

    id: str
    name: str
    shown: str
    role: AccountRole
    active: bool = True


class Session(Value):
    """Somebody who is signed in; ``csrf`` must come with everything that changes anything."""

    account: Account
    csrf: str
    expires: float


class Invitation(Value):
    """A link that makes one account."""

    role: AccountRole
    batch: str
    author: str
    expires: float


class AuditLine(Value):
    """What somebody did."""

    number: int
    at: dt.datetime
    account: str
    action: str
    subject: str
    record: Mapping[str, Any]


class Accounts:
    """Read and write who may enter.

    Args:
        store: Of the project.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    # --- accounts ---------------------------------------------------------------------------------

    def create(self, shown: str, *, role: AccountRole, password: str = "") -> Account:
        """Make an account; without a password only a link or a token opens it.

        Raises:
            UserError: The name is empty or taken, or the password is too short.
        """
        shown = _tidy(shown)
        if password and len(password) < SHORTEST_PASSWORD:
            raise UserError(
                f"the password has {len(password)} characters, at least {SHORTEST_PASSWORD} are needed"
            )
        account = Account(id=secrets.token_hex(16), name=_key(shown), shown=shown, role=role)
        line = {
            "id": account.id,
            "name": account.name,
            "shown": shown,
            "role": role,
            "active": True,
            "password": _hasher().hash(password) if password else "",
            "created": _now(),
        }
        with self.store.connection(write=True) as connection:
            if not insert_once(connection, accounts, line, ("name",)):
                raise UserError(f"the name {shown!r} is taken", hint="choose another one")
        return account

    def account(self, name: str) -> Account | None:
        """By id or by name."""
        found = self._rows(sa.or_(accounts.c.id == name, accounts.c.name == _key(name)))
        return found[0] if found else None

    def accounts(self) -> list[Account]:
        """Everybody, by name."""
        return self._rows(sa.true())

    def _rows(self, where: sa.ColumnElement[bool]) -> list[Account]:
        columns = (
            accounts.c.id,
            accounts.c.name,
            accounts.c.shown,
            accounts.c.role,
            accounts.c.active,
        )
        with self.store.connection() as connection:
            rows = (
                connection.execute(sa.select(*columns).where(where).order_by(accounts.c.name))
                .mappings()
                .all()
            )
        return [Account(**{str(k): v for k, v in row.items()}) for row in rows]

    def set_email(self, account: str, email: str) -> None:
        """Where notices of work go; empty = nowhere."""
        with self.store.connection(write=True) as connection:
            connection.execute(
                sa.update(accounts).where(accounts.c.id == account).values(email=email[:320])
            )

    def addresses(self) -> dict[str, str]:
        """E-mail addresses of active accounts that have left one, by account."""
        query = sa.select(accounts.c.id, accounts.c.email).where(
            accounts.c.email != "", accounts.c.active.is_(True)
        )
        with self.store.connection() as connection:
            return {name: email for name, email in connection.execute(query)}

    def change(
        self, account: str, *, role: AccountRole | None = None, active: bool | None = None
    ) -> None:
        """Give another role, or lock out (which ends all sessions) and let in again."""
        values = {k: v for k, v in (("role", role), ("active", active)) if v is not None}
        with self.store.connection(write=True) as connection:
            connection.execute(sa.update(accounts).where(accounts.c.id == account).values(**values))
            connection.execute(sa.delete(sessions).where(sessions.c.account == account))

    def set_password(self, account: str, password: str) -> None:
        """Replace a password and end all sessions.

        Raises:
            UserError: It is too short.
        """
        if len(password) < SHORTEST_PASSWORD:
            raise UserError(
                f"the password has {len(password)} characters, at least {SHORTEST_PASSWORD} are needed"
            )
        with self.store.connection(write=True) as connection:
            hashed = _hasher().hash(password)
            connection.execute(
                sa.update(accounts).where(accounts.c.id == account).values(password=hashed)
            )
            connection.execute(sa.delete(sessions).where(sessions.c.account == account))

    def check(self, name: str, password: str, *, address: str = "") -> Account | None:
        """The account that this name and password open, or None.

        As slow for names that do not exist.

        Raises:
            UserError: Too many failed attempts lately, of this name or from this address.
        """
        name = _key(name)
        limits = {
            f"{name} from {address}": MOST_FAILURES,
            f"name {name}": MOST_FAILURES_AT_ALL,
            f"address {address}": MOST_FAILURES_AT_ALL,
        }
        if any(self.failures(key) >= limit for key, limit in limits.items()):
            raise UserError(
                "too many failed attempts", hint=f"try again in {FAILURE_S / 60:.0f} minutes"
            )
        query = sa.select(accounts.c.id, accounts.c.password).where(
            accounts.c.name == name, accounts.c.active.is_(True), accounts.c.password != ""
        )
        with self.store.connection() as connection:
            row = connection.execute(query).first()
        right = _hasher().verify(password, row.password if row else _decoy())
        if row is not None and right:
            return self.account(row.id)
        for key in limits:
            self.note_failure(key)
        return None

    # --- rate limits ------------------------------------------------------------------------------

    def failures(self, key: str, *, within_s: float = FAILURE_S) -> int:
        """How often `note_failure` was called with this key lately."""
        query = sa.select(sa.func.count()).where(
            attempts.c.key == key[:200], attempts.c.at > time.time() - within_s
        )
        with self.store.connection() as connection:
            return int(connection.execute(query).scalar() or 0)

    def note_failure(self, key: str) -> None:
        """Count one; forget what is old."""
        now = time.time()
        with self.store.connection(write=True) as connection:
            connection.execute(sa.delete(attempts).where(attempts.c.at < now - 2 * FAILURE_S))
            connection.execute(sa.insert(attempts).values(key=key[:200], at=now))

    # --- sessions and tokens ----------------------------------------------------------------------

    def sign_in(self, account: Account, *, lasts_s: float = SESSION_S) -> str:
        """Start a session and give its secret, which is stored nowhere."""
        token = secrets.token_urlsafe(32)
        now = time.time()
        line = {
            "token": _hash(token),
            "account": account.id,
            "csrf": secrets.token_urlsafe(24),
            "created": now,
            "expires": now + lasts_s,
        }
        with self.store.connection(write=True) as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.expires < now))
            connection.execute(sa.insert(sessions).values(**line))
        return token

    def session(self, token: str) -> Session | None:
        """Whose session this secret opens, if it has not run out and the account is active."""
        return self._session(
            sessions.c.token == _hash(token), sessions.c.expires, sessions.c.csrf, sessions
        )

    def sign_out(self, token: str) -> None:
        """End a session."""
        with self.store.connection(write=True) as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.token == _hash(token)))

    def make_token(self, account: Account, *, name: str, lasts_s: float = TOKEN_S) -> str:
        """A token for the API; shown once."""
        token = f"tw_{secrets.token_urlsafe(32)}"
        now = time.time()
        line = {
            "token": _hash(token),
            "account": account.id,
            "name": _tidy(name),
            "created": now,
            "expires": now + lasts_s,
            "revoked": False,
        }
        with self.store.connection(write=True) as connection:
            connection.execute(sa.insert(machine_tokens).values(**line))
        return token

    def by_token(self, token: str) -> Session | None:
        """Whose token of the API this is."""
        where = sa.and_(machine_tokens.c.token == _hash(token), machine_tokens.c.revoked.is_(False))
        return self._session(where, machine_tokens.c.expires, sa.literal(""), machine_tokens)

    def revoke(self, account: str, name: str) -> int:
        """Revoke the tokens of an account with this name; how many there were."""
        where = sa.and_(machine_tokens.c.account == account, machine_tokens.c.name == name)
        with self.store.connection(write=True) as connection:
            return connection.execute(
                sa.update(machine_tokens).where(where).values(revoked=True)
            ).rowcount

    def tokens(self, account: str) -> list[str]:
        """Names of the tokens in force."""
        where = sa.and_(
            machine_tokens.c.account == account,
            machine_tokens.c.revoked.is_(False),
            machine_tokens.c.expires > time.time(),
        )
        with self.store.connection() as connection:
            return list(
                connection.execute(
                    sa.select(machine_tokens.c.name).where(where).distinct()
                ).scalars()
            )

    def _session(
        self,
        where: sa.ColumnElement[bool],
        expires: sa.Column[float],
        csrf: sa.ColumnElement[str],
        table: sa.Table,
    ) -> Session | None:
        columns = (accounts.c.id, accounts.c.name, accounts.c.shown, accounts.c.role)
        query = (
            sa.select(*columns, expires.label("expires"), csrf.label("csrf"))
            .join(table, table.c.account == accounts.c.id)
            .where(where, expires > time.time(), accounts.c.active.is_(True))
        )
        with self.store.connection() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            return None
        account = Account(**{k: row[k] for k in ("id", "name", "shown", "role")})
        return Session(account=account, csrf=row["csrf"], expires=row["expires"])

    # --- invitations ------------------------------------------------------------------------------

    def invite(
        self, role: AccountRole, *, author: str, batch: str = "", lasts_s: float = INVITATION_S
    ) -> str:
        """The secret of a link that makes one account of this role.

        With ``batch`` it is given work there.
        """
        token = secrets.token_urlsafe(24)
        now = time.time()
        line = {
            "token": _hash(token),
            "role": role,
            "batch": batch,
            "author": author,
            "created": now,
            "expires": now + lasts_s,
            "used_by": "",
        }
        with self.store.connection(write=True) as connection:
            connection.execute(sa.insert(invitations).values(**line))
        return token

    def invitation(self, token: str) -> Invitation | None:
        """The invitation that this secret opens, if it is neither used nor run out."""
        query = sa.select(invitations).where(
            invitations.c.token == _hash(token),
            invitations.c.used_by == "",
            invitations.c.expires > time.time(),
        )
        with self.store.connection() as connection:
            row = connection.execute(query).mappings().first()
        return (
            Invitation(**{k: row[k] for k in ("role", "batch", "author", "expires")})
            if row
            else None
        )

    def accept(self, token: str, shown: str, *, password: str = "") -> tuple[Account, Invitation]:
        """Use an invitation up and make its account.

        Raises:
            UserError: The link does not hold any more, or the account cannot be made (then the link
                still holds).
        """
        invitation = self.invitation(token)
        if invitation is None:
            raise UserError("this link has been used or has run out", hint="ask for a new one")
        if invitation.role != "guest" and not password:
            raise UserError(f"choose a password of at least {SHORTEST_PASSWORD} characters")
        mark = secrets.token_hex(16)
        where = sa.and_(invitations.c.token == _hash(token), invitations.c.used_by == "")
        with self.store.connection(write=True) as connection:
            if not connection.execute(
                sa.update(invitations).where(where).values(used_by=mark)
            ).rowcount:
                raise UserError("this link has been used or has run out", hint="ask for a new one")
        try:
            account = self.create(shown, role=invitation.role, password=password)
        except UserError:
            self._set_used(token, "")
            raise
        self._set_used(token, account.id)
        return account, invitation

    def _set_used(self, token: str, by: str) -> None:
        with self.store.connection(write=True) as connection:
            connection.execute(
                sa.update(invitations).where(invitations.c.token == _hash(token)).values(used_by=by)
            )

    # --- audit ------------------------------------------------------------------------------------

    def log(self, account: str, action: str, subject: str = "", **record: Any) -> None:
        """Write down what somebody did; never secrets."""
        line = {
            "at": _now(),
            "account": account[:128],
            "action": action,
            "subject": subject.replace("\x00", ""),
            "record": json.dumps(record, default=str),
        }
        with self.store.connection(write=True) as connection:
            connection.execute(sa.insert(audit).values(**line))

    def audit_log(self, *, limit: int = 200, before: int = 0) -> list[AuditLine]:
        """The newest lines first, older than line ``before`` if given."""
        query = sa.select(audit).order_by(audit.c.number.desc()).limit(limit)
        if before:
            query = query.where(audit.c.number < before)
        with self.store.connection() as connection:
            rows = connection.execute(query).mappings().all()
        return [AuditLine(**{**row, "record": json.loads(row["record"])}) for row in rows]


def _tidy(name: str) -> str:
    """A name as it is shown: one line, no controls, no characters that turn the direction of text.

    Raises:
        UserError: Nothing is left, or it is too long.
    """
    kept = "".join(
        c
        for c in unicodedata.normalize("NFC", name)
        if unicodedata.category(c)[0] != "C" or c == "\t"
    )
    text = re.sub(r"\s+", " ", kept).strip()
    if not 1 <= len(text) <= 100:
        raise UserError("a name has 1 to 100 characters")
    return text


def _key(name: str) -> str:
    """What a name is compared by."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", name)).strip().casefold()[:128]


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat()


@cache
def _hasher() -> PasswordHash:
    try:
        from pwdlib import PasswordHash
    except ImportError as error:
        raise MissingExtraError("web", needed_for="signing in") from error
    return PasswordHash.recommended()


@cache
def _decoy() -> str:
    return _hasher().hash(secrets.token_urlsafe(16))
