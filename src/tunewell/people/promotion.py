"""Promote a version from the command line: on a verdict of GO, with the signatures asked for.

A shell cannot tell who types. Where somebody has an account to sign with, their signature in the
app is asked for; `promote` then serves what they signed in further places.
"""

from __future__ import annotations

from tunewell import releases
from tunewell.errors import UserError
from tunewell.experiments import closed_experiments
from tunewell.people.accounts import Accounts
from tunewell.people.approvals import approvals
from tunewell.people.audit import AuditLog
from tunewell.people.signed_release import ReleaseOffer, release_offer
from tunewell.project import Project
from tunewell.releases import Release


def promote(
    project: Project, version: str, *, place: str, author: str, reason: str = ""
) -> Release:
    """Serve a version in a place from now on.

    Args:
        project: The project.
        version: Digest of its adapter.
        place: Where, such as ``production``.
        author: Who does it.
        reason: In their words.

    Raises:
        UserError: The last verdict is not about this version, does not hold any more or is not GO;
            somebody has still to approve the definition; an owner has an account and has not signed
            this version; or the version serves there already.
    """
    offer = _checked_offer(project, version)
    missing = approvals(project).missing
    if missing:
        raise UserError(
            f"the definition is not approved by {', '.join(missing)}",
            hint=f"tunewell approve --as {missing[0]}, or their signature in the app",
        )
    signed = _signature(project, version)
    if signed is None and _has_owner(project):
        raise UserError(
            f"no owner has signed {version[:12]}, and owners of this project have accounts",
            hint="an owner signs it in the app: tunewell serve, then Release",
        )
    evidence = [f"verdict:{offer.artifact}", f"run:{offer.run}", f"definition:{offer.definition}"]
    if signed is not None:
        evidence.append(f"release:{signed.number}")
    evidence += [f"experiment:{name}" for name in _experiments_of(project, version)]
    made = releases.release(
        project.store,
        place,
        version,
        signed_by=author,
        evidence=tuple(evidence),
        reason=reason,
        outcome=offer.verdict.outcome,
    )
    AuditLog(project.store).add(author, "version promoted", place, version=version[:12])
    return made


def roll_back(project: Project, *, place: str, author: str, reason: str) -> Release:
    """Return to the version that served in a place before; needs nobody's leave.

    Raises:
        UserError: No version served there before, or there is no reason.
    """
    if not reason.strip():
        raise UserError("a rollback needs a reason", hint="--reason 'wrong amounts since noon'")
    made = releases.roll_back(project.store, place, signed_by=author, reason=reason)
    AuditLog(project.store).add(author, "version rolled back", place, version=made.version[:12])
    return made


def waits_for(project: Project, version: str) -> tuple[str, ...]:
    """What `promote` still asks for besides a verdict of GO: approvals and signatures, in words.

    Args:
        project: The project.
        version: Digest of the adapter.
    """
    found = [f"the approval of {name}" for name in approvals(project).missing]
    if _signature(project, version) is None and _has_owner(project):
        found.append("an owner's signature")
    return tuple(found)


def _checked_offer(project: Project, version: str) -> ReleaseOffer:
    """The last verdict, if it is GO, of now, and about this version."""
    offer = release_offer(project)
    if offer is None:
        raise UserError("nothing was judged yet", hint="tunewell run")
    if offer.version != version:
        judged = offer.version[:12] or "outputs from elsewhere"
        raise UserError(
            f"the last verdict is about {judged}, not {version[:12]}", hint="tunewell run"
        )
    if offer.outdated:
        raise UserError(offer.outdated, hint="tunewell run")
    if offer.verdict.outcome != "GO":
        raise UserError(
            f"the verdict on {version[:12]} is {offer.verdict.outcome}, not GO",
            hint="an owner may release it against the verdict, in the app and in writing: "
            "tunewell serve, then Release",
        )
    return offer


def _experiments_of(project: Project, version: str) -> list[str]:
    """The closed tests on traffic whose candidate was this version."""
    return [
        name
        for name, outcome in closed_experiments(project.store).items()
        if outcome.is_of(version) and not outcome.aa
    ]


def _signature(project: Project, version: str) -> Release | None:
    """The last release of a version that somebody signed with an account."""
    signed = [
        release
        for release in releases.history(project.store)
        if release.version == version and release.account and not release.rollback
    ]
    return signed[-1] if signed else None


def _has_owner(project: Project) -> bool:
    return any(a.role == "owner" and a.active for a in Accounts(project.store).all())
