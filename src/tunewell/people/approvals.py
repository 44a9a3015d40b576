"""Who has approved the definition: signatures of accounts that were signed in, and mere claims.

Whoever types ``tunewell approve --as NAME`` claims to be somebody; the record says so, and who was
logged in. A claim stands in for a signature only as long as nobody who could sign has an account.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from tunewell.errors import UserError
from tunewell.people.accounts import ROLES, Account, Accounts
from tunewell.people.audit import AuditLog
from tunewell.people.names import name_key
from tunewell.project import Project
from tunewell.store import Event, Store
from tunewell.types import Value

EVENT = "approval"

SIGNERS = ("owner", "engineer", "expert")
"""Roles whose accounts may sign; guests come by a link alone, and agents are no judges."""


class Approval(Value):
    """Somebody took responsibility for the definition, or somebody said that they did.

    Attributes:
        name: As in ``people.approve``.
        by: Who it was: the name of the account, or of the login at the command line.
        account: Id of the account that was signed in; empty for a claim.
        at: When, UTC.
    """

    name: str
    by: str
    account: str = ""
    at: dt.datetime

    @property
    def signed(self) -> bool:
        """Whether it is a signature rather than a claim."""
        return bool(self.account)

    @property
    def words(self) -> str:
        """Who it was, for reports."""
        if not self.signed:
            return f"{self.name}: claimed on the command line by {self.by}"
        name = self.name if self.name == self.by else f"{self.name}: {self.by}"
        return f"{name}, signed {self.at:%Y-%m-%d}"


class Approvals(Value):
    """Where the approval of a definition stands.

    Attributes:
        definition: Its digest.
        done: What counts, in the order of ``people.approve``.
        missing: Names that have still to approve.
        claims: Claims that do not count, since those that they name have accounts to sign with.
    """

    definition: str
    done: tuple[Approval, ...] = ()
    missing: tuple[str, ...] = ()
    claims: tuple[Approval, ...] = ()


def approvals(project: Project) -> Approvals:
    """Where the approval of the definition stands as it is now."""
    file, store = project.file, project.store
    given = [_approval(event) for event in store.said(EVENT, subject=file.definition)]
    accounts = Accounts(store).all()
    done: list[Approval] = []
    missing: list[str] = []
    claims: list[Approval] = []
    for name in file.spec.people.approve:
        signed = [one for one in given if one.name == name and one.signed]
        claimed = [one for one in given if one.name == name and not one.signed]
        if signed:
            done.append(signed[-1])
        elif claimed and not any(answers_to(account, name) for account in accounts):
            done.append(claimed[-1])
        else:
            missing.append(name)
            claims += claimed[-1:]
    return Approvals(
        definition=file.definition,
        done=tuple(done),
        missing=tuple(missing),
        claims=tuple(claims),
    )


def answers_to(account: Account, name: str) -> bool:
    """Whether an account may sign for a name in ``people.approve``.

    The name of a role means everybody of that role, and nobody who only calls themselves so.

    Example:
        >>> ann = Account(id="1", name="ann", shown="Ann", role="owner")
        >>> owner = Account(id="2", name="owner", shown="owner", role="expert")
        >>> answers_to(ann, "ANN"), answers_to(ann, "owner"), answers_to(owner, "owner")
        (True, True, False)
    """
    if not account.active or account.role not in SIGNERS:
        return False
    if name in ROLES:
        return account.role == name
    return account.name == name_key(name)


def names_to_sign(project: Project, account: Account) -> tuple[str, ...]:
    """The names in ``people.approve`` that an account answers to."""
    return tuple(name for name in project.spec.people.approve if answers_to(account, name))


def sign_definition(
    project: Project,
    account: Account,
    *,
    definition: str,
) -> Approvals:
    """Approve the definition with an account that is signed in.

    Args:
        project: The project.
        account: Of who is signed in.
        definition: Digest of what they have read; it has to be the present one.

    Raises:
        UserError: The account is not among those who approve, or the definition has changed.
    """
    if definition != project.file.definition:
        raise UserError(
            "the definition has changed since this page was loaded", hint="read it again"
        )
    names = names_to_sign(project, account)
    if not names:
        raise _no_approver(project, account.shown)
    for name in names:
        record = {
            "task": project.spec.task.name,
            "account": account.id,
            "by": account.shown,
        }
        project.store.say(EVENT, definition, author=name, record=record)
    AuditLog(project.store).add(account.name, "definition approved", definition[:12])
    return approvals(project)


def claim_approval(project: Project, name: str, *, login: str) -> Approvals:
    """Record that whoever is at the command line says that somebody approves the definition.

    Args:
        project: The project.
        name: Whose approval is claimed.
        login: Who is logged in.

    Raises:
        UserError: The name is not among those who approve.
    """
    if name not in project.spec.people.approve:
        raise _no_approver(project, name)
    record = {"task": project.spec.task.name, "by": login}
    project.store.say(EVENT, project.file.definition, author=name, record=record)
    return approvals(project)


def _no_approver(project: Project, name: str) -> UserError:
    needed = project.spec.people.approve
    hint = "name somebody in people.approve"
    if needed:
        hint = f"people.approve names {', '.join(needed)}"
    return UserError(
        f"{name!r} is not among those who have to approve: {', '.join(needed)}",
        place=project.file.where("people.approve"),
        hint=hint,
    )


def approval_history(store: Store) -> Sequence[tuple[str, Approval]]:
    """Every approval of any definition, newest first, with the digest of the definition."""
    return [(event.subject, _approval(event)) for event in reversed(store.said(EVENT))]


def _approval(event: Event) -> Approval:
    return Approval(
        name=event.author,
        by=str(event.record.get("by") or event.author),
        account=str(event.record.get("account") or ""),
        at=event.at,
    )


def in_words(found: Sequence[Approval]) -> str:
    """Approvals in words, for reports."""
    return "; ".join(_each(found))


def _each(found: Sequence[Approval]) -> Iterator[str]:
    for one in found:
        yield one.words
