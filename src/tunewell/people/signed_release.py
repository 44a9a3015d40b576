"""Sign a release with an account: of the verdict that was read, for the model that it judged."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tunewell import releases
from tunewell.errors import UserError
from tunewell.people.accounts import Account
from tunewell.people.audit import AuditLog
from tunewell.project import Project
from tunewell.releases import Release
from tunewell.store import Store
from tunewell.types import Evaluation, Run, Value, Verdict, digest

FEWEST_WORDS = 3
LONGEST_PLACE = 100
LONGEST_REASON = 2_000

RIVAL = "arm production"
"""Of the inputs of an evaluation: the version that served when it was made."""


class ReleaseOffer(Value):
    """What may be signed now.

    Attributes:
        verdict: As last decided.
        artifact: Digest of the verdict: who signs has read just this one.
        run: Id of the run that decided it.
        version: Digest of the adapter that it judged; empty where outputs came from elsewhere.
        definition: Digest of the definition that it was decided by.
        outdated: Why the verdict does not hold any more; empty if it does.
    """

    verdict: Verdict
    artifact: str
    run: str
    version: str
    definition: str
    outdated: str = ""

    @property
    def may_be_signed(self) -> bool:
        """Whether there is a model to release, and a verdict of now."""
        return bool(self.version) and not self.outdated


def release_offer(project: Project) -> ReleaseOffer | None:
    """The newest verdict and the model that it is about; None if nothing was decided yet."""
    store = project.store
    run = store.last_run("verdict")
    if run is None:
        return None
    definition = str(run.parameters.get("definition", ""))
    outdated = ""
    if definition != project.file.definition:
        outdated = "the definition has changed since this verdict"
    evaluated = store.last_run("evaluate")
    if evaluated is not None and evaluated.started > run.started:
        evaluation = store.get_value(evaluated.outputs["evaluation"], Evaluation)
        if digest(evaluation) != run.inputs.get("evaluation"):
            outdated = "the model was evaluated again after this verdict"
    version = evaluated.inputs.get("adapter", "") if evaluated else ""
    return ReleaseOffer(
        verdict=store.get_value(run.outputs["verdict"], Verdict),
        artifact=run.outputs["verdict"],
        run=run.id,
        version=version,
        definition=definition,
        outdated=outdated or _other_rival(project, evaluated, version),
    )


def _other_rival(project: Project, evaluated: Run | None, version: str) -> str:
    """Where a version was judged beside one of this project's that no longer serves."""
    rival = evaluated.inputs.get(RIVAL, "") if evaluated else ""
    place = project.spec.decide.place
    past = releases.history(project.store, place)
    served = {each.version for each in past}
    if rival not in served or past[-1].version in (rival, version):
        return ""
    return f"it compares with {rival[:12]}, and {past[-1].version[:12]} serves in {place} by now"


def awaiting_release(project: Project) -> ReleaseOffer | None:
    """A version with its GO that has never served; None if there is none.

    One that served and was taken back waits for nobody.
    """
    offer = release_offer(project)
    if offer is None or not offer.may_be_signed or offer.verdict.outcome != "GO":
        return None
    past = releases.history(project.store, project.spec.decide.place)
    has_served = any(each.version == offer.version for each in past)
    return None if has_served else offer


def sign_release(
    project: Project,
    account: Account,
    *,
    place: str,
    read: str,
    reason: str,
    against: bool = False,
    report: Path | None = None,
) -> Release:
    """Sign that the model serves in a place from now on.

    Args:
        project: The project.
        account: Of who is signed in; an owner.
        place: Where it serves, such as ``production``.
        read: Digest of the verdict that the signer has read.
        reason: In the signer's words.
        against: Whether the signer releases although the verdict is not GO.
        report: The report that the signer could read, whose digest becomes part of the evidence.

    Returns:
        The release as recorded.

    Raises:
        UserError: Nothing can be signed now, the verdict is another one than was read, or it is not
            GO and that was not said, with a reason.
    """
    offer = release_offer(project)
    if account.role != "owner":
        raise UserError("only an owner signs a release", hint="ask an owner")
    if offer is None or not offer.may_be_signed:
        why = offer.outdated if offer and offer.outdated else "no model has been judged yet"
        raise UserError(f"there is nothing to sign: {why}", hint="tunewell run")
    if read != offer.artifact:
        raise UserError("the verdict has changed since this page was loaded", hint="read it again")
    if offer.verdict.outcome != "GO":
        _check_against(offer.verdict, reason, against)

    evidence = [f"verdict:{offer.artifact}", f"run:{offer.run}", f"definition:{offer.definition}"]
    if report is not None:
        evidence.append(f"report:{hashlib.sha256(report.read_bytes()).hexdigest()}")
    made = releases.release(
        project.store,
        place.strip()[:LONGEST_PLACE],
        offer.version,
        signed_by=account.shown,
        evidence=tuple(evidence),
        reason=reason.strip()[:LONGEST_REASON],
        account=account.id,
        outcome=offer.verdict.outcome,
    )
    AuditLog(project.store).add(
        account.name,
        "release signed",
        made.place,
        version=offer.version[:12],
        verdict=offer.verdict.outcome,
    )
    return made


def _check_against(verdict: Verdict, reason: str, against: bool) -> None:
    if not against:
        raise UserError(
            f"the verdict is {verdict.outcome}, not GO",
            hint="tick that you release it nevertheless, and say why",
        )
    if len(reason.split()) < FEWEST_WORDS:
        raise UserError(
            f"a release against {verdict.outcome} needs a reason",
            hint="write one sentence for whoever asks later",
        )


def signed_releases(store: Store) -> tuple[Release, ...]:
    """Every release, newest first."""
    return tuple(reversed(releases.history(store)))
