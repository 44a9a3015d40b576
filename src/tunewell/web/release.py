"""The verdict, the findings, the report, and the signature under a release."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from tunewell.errors import StoreError, UserError
from tunewell.people import Session, approvals
from tunewell.people.accepted_findings import accept_finding
from tunewell.people.signed_release import release_offer, sign_release, signed_releases
from tunewell.pitfalls import CATALOGUE
from tunewell.report import render
from tunewell.report.html_page import LATEST
from tunewell.run import STAGES, findings_of
from tunewell.types import Finding
from tunewell.web.access import Maker, MakerForm, OwnerForm, Refused
from tunewell.web.blind import refuse_any_result
from tunewell.web.context import AppContext, context_of
from tunewell.web.render import page
from tunewell.web.verdict_now import decide_next_step, decide_now

router = APIRouter(include_in_schema=False)

DAYS: Final = 90
"""How long an acceptance holds unless another day is chosen."""

REPORT_POLICY: Final = (
    "sandbox allow-popups; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "font-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""The report brings its own styles, and runs nothing."""

ORDER: Final = {"found": 0, "accepted": 1, "unchecked": 2, "clear": 3}


@router.get("/release")
def release_page(request: Request, session: Maker) -> Response:
    """The verdict, what was found, the report, and what was released."""
    refuse_any_result(context_of(request), session)
    return _release(request, session)


def _release(
    request: Request,
    session: Session,
    *,
    place: str = "production",
    reason: str = "",
    error: UserError | None = None,
) -> Response:
    context = context_of(request)
    offer = release_offer(context.project)
    today = dt.datetime.now(dt.UTC).date()
    return page(
        request,
        "release.html",
        session,
        status=400 if error else 200,
        offer=offer,
        findings=_findings(context),
        pitfalls=CATALOGUE,
        approved=approvals(context.project),
        releases=signed_releases(context.store),
        place=place,
        reason=reason,
        until=today + dt.timedelta(days=DAYS),
        today=today,
        problem=error.message if error else "",
        hint=error.hint if error else "",
    )


def _findings(context: AppContext) -> list[Finding]:
    """What the newest verdict names; what the stages found where there is none."""
    offer = release_offer(context.project)
    found = offer.verdict.findings if offer else findings_of(context.store, STAGES)
    once = {(f.code, f.slice, f.stage, f.why): f for f in found}
    return sorted(once.values(), key=lambda f: (ORDER[f.status], not f.blocking, f.code))


@router.post("/release/decide")
def decide(request: Request, session: MakerForm) -> Response:
    """Make the verdict again, with everything that people have said since."""
    context = context_of(request)
    refuse_any_result(context, session)
    if decide_now(context) is None:
        error = UserError(
            "the verdict cannot be made now: nothing was evaluated, or another process works",
            hint="tunewell run",
        )
        return _release(request, session, error=error)
    context.audit.add(session.account.name, "verdict made again")
    return RedirectResponse("/release", 303)


@router.post("/release/accept")
def accept(
    request: Request,
    session: OwnerForm,
    code: Annotated[str, Form(max_length=8)],
    reason: Annotated[str, Form(max_length=2_000)] = "",
    until: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Accept a finding as a known risk, in writing and until a day."""
    context = context_of(request)
    refuse_any_result(context, session)
    try:
        accept_finding(
            context.store,
            code,
            reason=reason.strip(),
            until=until,
            author=session.account.shown,
            account=session.account,
        )
    except StoreError:
        raise
    except UserError as error:
        return _release(request, session, error=error)
    decide_now(context)
    return RedirectResponse("/release#findings", 303)


@router.post("/release/sign")
def sign(
    request: Request,
    session: OwnerForm,
    verdict: Annotated[str, Form(max_length=64)],
    place: Annotated[str, Form(max_length=100)] = "",
    reason: Annotated[str, Form(max_length=2_000)] = "",
    against: Annotated[bool, Form()] = False,
) -> Response:
    """Sign the release with the account that is signed in."""
    context = context_of(request)
    refuse_any_result(context, session)
    try:
        sign_release(
            context.project,
            session.account,
            place=place,
            read=verdict,
            reason=reason,
            against=against,
            report=_report(context),
        )
    except StoreError:
        raise
    except UserError as error:
        return _release(request, session, place=place, reason=reason, error=error)
    decide_next_step(context)
    return RedirectResponse("/release#releases", 303)


@router.get("/report")
def report_page(request: Request, session: Maker) -> Response:
    """The report of the newest verdict, which runs nothing."""
    context = context_of(request)
    refuse_any_result(context, session)
    path = _report(context)
    if path is None:
        raise Refused(404, "there is nothing to report yet", hint="/release")
    headers = {"content-security-policy": REPORT_POLICY}
    return FileResponse(path, media_type="text/html", headers=headers)


def _report(context: AppContext) -> Path | None:
    """The report, written anew where the newest verdict is younger; None without a verdict."""
    run = context.store.last_run("verdict")
    if run is None:
        return None
    path = context.store.reports / LATEST
    ended = run.started.timestamp() + run.seconds
    if not path.exists() or path.stat().st_mtime < ended:
        render(context.project)
    return path
