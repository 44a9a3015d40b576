"""Findings that a person has taken on, in writing and until a date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pydantic import ValidationError

from tunewell.people.accepted_findings import EVENT
from tunewell.store import Store
from tunewell.types import Acceptance, Finding


def acceptances(store: Store) -> dict[str, Acceptance]:
    """The newest acceptance of each code, run out or not."""
    out: dict[str, Acceptance] = {}
    for event in store.said(EVENT):
        try:
            out[event.subject] = Acceptance.model_validate(
                {
                    "code": event.subject,
                    "author": event.author,
                    "at": event.at,
                    "reason": event.record.get("reason", ""),
                    "until": event.record.get("until"),
                    "signed": bool(event.record.get("account")),
                }
            )
        except ValidationError:
            continue
    return out


def with_acceptances(
    findings: Sequence[Finding], store: Store, *, today: dt.date
) -> tuple[Finding, ...]:
    """Findings with those marked ``accepted`` that somebody has taken on.

    One that has run out says so.

    Args:
        findings: As the stages saw them.
        store: Keeps the acceptances.
        today: The last day of an acceptance still counts.
    """
    taken = acceptances(store)
    return tuple(_answered(finding, taken.get(finding.code), today) for finding in findings)


def _answered(
    finding: Finding,
    acceptance: Acceptance | None,
    today: dt.date,
) -> Finding:
    if acceptance is None or finding.status != "found":
        return finding
    if acceptance.until >= today:
        return finding.model_copy(update={"status": "accepted", "acceptance": acceptance})
    run_out = f"(Accepted by {acceptance.author} until {acceptance.until}: run out.)"
    return finding.model_copy(update={"why": f"{finding.why} {run_out}"})
