"""People's work: who may sign in, who sees what, blind to its origin, and append-only verdicts."""

from tunewell.people.accounts import ROLES, Account, AccountRole, Accounts
from tunewell.people.api_tokens import ApiTokens
from tunewell.people.approvals import Approval, Approvals, approvals
from tunewell.people.assign import Seat, share_out
from tunewell.people.audit import AuditLine, AuditLog
from tunewell.people.invitations import Invitation, Invitations
from tunewell.people.judgements import judgements
from tunewell.people.panel import panel_estimate
from tunewell.people.passwords import Passwords
from tunewell.people.sessions import Session, Sessions
from tunewell.people.signoff import SignOff, asked_under, reopen_sign_offs, sign_offs
from tunewell.people.work import Batch, Item, Mark, MarkedSpan, RaterVerdict, Said, faults
from tunewell.people.work_store import Queue, WorkStore, new_id, standing
from tunewell.safe_text import hidden, shown

__all__ = [
    "ROLES",
    "Account",
    "AccountRole",
    "Accounts",
    "ApiTokens",
    "Approval",
    "Approvals",
    "AuditLine",
    "AuditLog",
    "Batch",
    "Invitation",
    "Invitations",
    "Item",
    "Mark",
    "MarkedSpan",
    "Passwords",
    "Queue",
    "RaterVerdict",
    "Said",
    "Seat",
    "Session",
    "Sessions",
    "SignOff",
    "WorkStore",
    "approvals",
    "asked_under",
    "faults",
    "hidden",
    "judgements",
    "new_id",
    "panel_estimate",
    "reopen_sign_offs",
    "share_out",
    "shown",
    "sign_offs",
    "standing",
]
