"""Decisions as events: written once, signed by people, never changed."""

from __future__ import annotations

import datetime as dt
from typing import Final

from tunewell.decide.outdated import outdated
from tunewell.errors import UserError
from tunewell.people.accounts import Account
from tunewell.people.audit import AuditLog
from tunewell.store import Event, Store
from tunewell.types import Decision, Value, digest

KIND: Final = "decision"
SIGNED: Final = "decision-signed"

LONGEST_REASON: Final = 2_000

EPOCH: Final = dt.datetime(
    1970,
    1,
    1,
    tzinfo=dt.UTC,
)

MAY_SIGN: Final = ("owner", "engineer")


class RecordedDecision(Value):
    """A decision as it stands in the store.

    Attributes:
        number: Its position among the store's events.
        id: Digest of the decision; who signs has read just this one.
        at: When it was made, UTC.
        decision: What was decided.
    """

    number: int
    id: str
    at: dt.datetime
    decision: Decision


class SignedDecision(Value):
    """Somebody's signature under a decision.

    Attributes:
        decision: Its id.
        by: Who signed, as shown.
        account: Id of the account that was signed in; empty for a claim from the command line.
        at: When, UTC.
        agrees: Whether they will do as it says.
        reason: In their words.
    """

    decision: str
    by: str
    account: str = ""
    at: dt.datetime
    agrees: bool = True
    reason: str = ""


def record_decision(store: Store, decision: Decision) -> RecordedDecision:
    """Append a decision, unless the last one of its place says just the same.

    Only the schedule's own moment may differ: it is computed anew with every look.
    """
    before = decisions(store, place=decision.place)
    if before and _said(before[-1].decision) == _said(decision):
        return before[-1]
    subject = decision.place or "production"
    store.say(
        KIND,
        subject,
        author=decision.author,
        record=decision.model_dump(mode="json"),
    )
    return decisions(store, place=subject)[-1]


def _said(decision: Decision) -> Decision:
    schedule = decision.schedule
    if schedule is None:
        return decision
    timeless = schedule.model_copy(update={"at": EPOCH})
    return decision.model_copy(update={"schedule": timeless})


def decisions(store: Store, *, place: str = "") -> tuple[RecordedDecision, ...]:
    """Every decision, or those of a place, oldest first."""
    return tuple(_recorded(event) for event in store.said(KIND, subject=place))


def _recorded(event: Event) -> RecordedDecision:
    return RecordedDecision(
        number=event.number,
        id=digest([event.number, event.record])[:16],
        at=event.at,
        decision=Decision.model_validate(event.record),
    )


def sign_decision(
    store: Store,
    *,
    read: str,
    author: str,
    reason: str = "",
    agrees: bool = True,
    account: Account | None = None,
) -> SignedDecision:
    """Sign the newest decision of its place, or disagree with it in writing.

    Args:
        store: Of the project.
        read: Id of the decision that the signer has read.
        author: Who signs.
        reason: In their words; needed where they disagree.
        agrees: Whether they will do as it says.
        account: That is signed in; None at the command line, where anybody may claim to be anyone.

    Raises:
        UserError: A newer decision was made since, it does not hold any more, the role may not
            sign, or a disagreement has no reason.
    """
    found = [each for each in decisions(store) if each.id == read]
    if not found:
        raise UserError(
            f"there is no decision {read[:16]!r}",
            hint="tunewell decide",
        )
    newest = decisions(
        store,
        place=found[0].decision.place or "production",
    )[-1]
    if newest.id != read:
        raise UserError(
            "a newer decision has been made since",
            hint="read it again",
        )
    why = outdated(store, newest.decision)
    if why:
        raise UserError(
            f"this decision does not hold any more. {why}",
            hint="decide again, and read what is decided now",
        )
    if account is not None and account.role not in MAY_SIGN:
        raise UserError(
            "an owner or an engineer signs decisions",
            hint="ask one of them",
        )
    if not agrees and len(reason.split()) < 3:
        raise UserError(
            "a decision against the evidence needs a reason",
            hint="write one sentence for whoever asks later",
        )
    record = {
        "agrees": agrees,
        "reason": reason.strip()[:LONGEST_REASON],
        "account": account.id if account else "",
    }
    store.say(
        SIGNED,
        read,
        author=author,
        record=record,
    )
    if account is not None:
        AuditLog(store).add(
            account.name,
            "decision signed",
            read,
            says=found[0].decision.action,
        )
    return signatures(store, read)[-1]


def signatures(store: Store, decision: str = "") -> tuple[SignedDecision, ...]:
    """Signatures under a decision, or under all of them, oldest first."""
    found = []
    for event in store.said(SIGNED, subject=decision):
        found.append(
            SignedDecision(
                decision=event.subject,
                by=event.author,
                account=str(event.record.get("account") or ""),
                at=event.at,
                agrees=bool(event.record.get("agrees", True)),
                reason=str(event.record.get("reason") or ""),
            )
        )
    return tuple(found)
