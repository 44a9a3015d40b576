"""Which model version serves where, since when, on what evidence, and who signed for it.

A release is an event that is written once; the last one of a place says what serves there. A
rollback is a release too: of the version that served before.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from pydantic import Field

from tunewell.errors import UserError
from tunewell.store import Event, Store
from tunewell.types import Value

KIND = "release"
"""Of the events that releases are kept as."""


class Release(Value):
    """One change of what serves in one place.

    Attributes:
        number: Its position among the store's events; later is greater.
        place: Where it serves, such as ``production`` or ``desk``.
        version: Digest of the `ModelVersion`'s adapter.
        since: When it began to serve, UTC.
        signed_by: Who answers for it.
        evidence: Digests or ids of what it rests on: verdicts, comparisons, experiments.
        reason: In the signer's words.
        replaces: The version that served before; empty for the first.
        rollback: Whether it returns to a version that served before.
        account: Id of the account that was signed in; empty where nobody was, so that the signer is
            a mere claim.
        outcome: Of the verdict that the signer had read; empty if there was none.
    """

    number: int
    place: str = Field(min_length=1)
    version: str = Field(min_length=1)
    since: dt.datetime
    signed_by: str = Field(min_length=1)
    evidence: tuple[str, ...] = ()
    reason: str = ""
    replaces: str = ""
    rollback: bool = False
    account: str = ""
    outcome: str = ""


def history(store: Store, place: str = "") -> tuple[Release, ...]:
    """Every release of a place, or of all places, oldest first."""
    return tuple(_release(event) for event in store.said(KIND, subject=place))


def serving(store: Store, place: str) -> Release | None:
    """The release that serves in a place now; None where nothing was released yet."""
    past = history(store, place)
    return past[-1] if past else None


def release(
    store: Store,
    place: str,
    version: str,
    *,
    signed_by: str,
    evidence: tuple[str, ...] = (),
    reason: str = "",
    account: str = "",
    outcome: str = "",
) -> Release:
    """Record that a version serves in a place from now on.

    Args:
        store: Of the project.
        place: Where.
        version: What.
        signed_by: Who answers for it.
        evidence: What it rests on.
        reason: In the signer's words.
        account: Id of the account that is signed in, if one is.
        outcome: Of the verdict that the signer has read.

    Raises:
        UserError: The place, the version or the signer is empty, or the version serves there
            already.
    """
    for name, value in (("place", place), ("version", version), ("signed_by", signed_by)):
        if not value.strip():
            raise UserError(f"a release needs a {name}", hint="tunewell promote --help")
    before = serving(store, place)
    if before and before.version == version:
        raise UserError(
            f"{version[:12]} already serves in {place} (since {before.since:%Y-%m-%d %H:%M} UTC)",
            hint="tunewell status",
        )
    record = {
        "version": version,
        "evidence": list(evidence),
        "reason": reason,
        "replaces": before.version if before else "",
        "rollback": False,
        "account": account,
        "outcome": outcome,
    }
    return _write(store, place, signed_by, record)


def roll_back(store: Store, place: str, *, signed_by: str, reason: str) -> Release:
    """Return to the version that served in a place before the present one.

    Rolling back twice returns to where one was: the version before is the one that the present
    release replaced.

    Raises:
        UserError: No version served there before.
    """
    now = serving(store, place)
    if now is None or not now.replaces:
        raise UserError(
            f"there is no earlier version to return to in {place}", hint="tunewell status"
        )
    record = {
        "version": now.replaces,
        "evidence": [],
        "reason": reason,
        "replaces": now.version,
        "rollback": True,
    }
    return _write(store, place, signed_by, record)


def _write(store: Store, place: str, signed_by: str, record: dict[str, Any]) -> Release:
    store.say(KIND, place, author=signed_by, record=record)
    written = serving(store, place)
    if written is None:
        raise RuntimeError("a release that was just written is not in the store")
    return written


def _release(event: Event) -> Release:
    return Release(
        number=event.number,
        place=event.subject,
        since=event.at,
        signed_by=event.author,
        **event.record,
    )
