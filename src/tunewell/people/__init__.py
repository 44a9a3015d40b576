"""People's work: who may enter, who sees what, blind to its origin, and verdicts that are written once and for ever."""

from tunewell.people.accounts import (
    ROLES,
    Account,
    AccountRole,
    Accounts,
    AuditLine,
    Invitation,
    Session,
)
from tunewell.people.assign import Seat, share_out
from tunewell.people.judgements import judgements
from tunewell.people.panel import panel_estimate
from tunewell.people.safe_text import hidden, shown
from tunewell.people.signoff import SignOff, asked_under, reopen_sign_offs, sign_offs
from tunewell.people.work import Batch, Item, Mark, MarkedSpan, RaterVerdict, Said, faults
from tunewell.people.work_store import Book, Queue, new_id, standing

__all__ = [
    "ROLES",
    "Account",
    "AccountRole",
    "Accounts",
    "AuditLine",
    "Batch",
    "Book",
    "Invitation",
    "Item",
    "Mark",
    "MarkedSpan",
    "Queue",
    "RaterVerdict",
    "Said",
    "Seat",
    "Session",
    "SignOff",
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
