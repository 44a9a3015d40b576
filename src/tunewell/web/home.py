"""For owners and engineers: the way, who owes what, versions, every row, and decisions."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from tunewell.decide import (
    AlarmInUse,
    RecordedDecision,
    decisions,
    outdated,
    sign_decision,
    signatures,
)
from tunewell.decide.wording import money, points, schedule_line
from tunewell.errors import StoreError, UserError
from tunewell.iterate import decide_now, newest_decision
from tunewell.iterate.alarms import alarms_in_use, settle_alarm
from tunewell.people import Session
from tunewell.pitfalls import CATALOGUE
from tunewell.web.access import Maker, MakerForm, Refused
from tunewell.web.blind import refuse_any_result
from tunewell.web.context import AppContext, context_of
from tunewell.web.kinship import relatives
from tunewell.web.overview import debts, stage_tiles, version_table
from tunewell.web.render import page
from tunewell.web.row_index import RowQuery

router = APIRouter(include_in_schema=False)

MOST_DECISIONS: Final = 20
MOST_KIN: Final = 12
MOST_ALARMS: Final = 30
PARTS: Final = ("training", "review", "test", "dropped")

PageField = Annotated[int, Query(ge=1, le=100_000)]


@router.get("/home")
def home_page(request: Request, session: Maker, versions: PageField = 1) -> Response:
    """How far the way is, who is waited for, and the versions side by side."""
    context = context_of(request)
    refuse_any_result(context, session)
    project = context.project
    recorded = newest_decision(project.store, project.spec.decide.place)
    return page(
        request,
        "home.html",
        session,
        tiles=stage_tiles(project),
        debts=debts(project),
        table=version_table(
            project,
            context.evaluations,
            page=versions,
        ),
        recorded=recorded,
        outdated=outdated(project.store, recorded.decision) if recorded else "",
        schedule_line=schedule_line,
    )


# --- decisions ------------------------------------------------------------------------------------


@router.get("/decisions")
def decisions_page(request: Request, session: Maker) -> Response:
    """What to do next, why, and who has signed it; and what was decided before."""
    refuse_any_result(context_of(request), session)
    return _decisions(request, session)


def _decisions(
    request: Request,
    session: Session,
    *,
    reason: str = "",
    error: UserError | None = None,
) -> Response:
    context = context_of(request)
    place = context.project.spec.decide.place
    past = list(reversed(decisions(context.store, place=place)))
    signed = signatures(context.store)
    return page(
        request,
        "decisions.html",
        session,
        status=400 if error else 200,
        newest=past[0] if past else None,
        outdated=outdated(context.store, past[0].decision) if past else "",
        earlier=past[1 : 1 + MOST_DECISIONS],
        more=max(len(past) - 1 - MOST_DECISIONS, 0),
        signed={each.decision: each for each in signed},
        signatures=[each for each in signed if past and each.decision == past[0].id],
        findings=_findings(context),
        alarms=_open_alarms(context),
        weighed=_alarms_weighed(past[0]) if past else (),
        pitfalls=CATALOGUE,
        points=points,
        money=money,
        schedule_line=schedule_line,
        reason=reason,
        problem=error.message if error else "",
        hint=error.hint if error else "",
    )


def _findings(context: AppContext) -> list[object]:
    run = context.store.last_run("decide")
    return [each for each in run.findings if each.status == "found"] if run else []


def _open_alarms(context: AppContext) -> list[AlarmInUse]:
    """Alarms that are not settled, the newest first."""
    now = dt.datetime.now(dt.UTC)
    found = alarms_in_use(context.store, since=None, now=now)
    return [each for each in reversed(found) if each.state != "over"][:MOST_ALARMS]


def _alarms_weighed(recorded: RecordedDecision) -> set[str]:
    """Ids of the alarms that a decision names in its evidence."""
    first = [line.split(" ")[0] for line in recorded.decision.evidence]
    return {word.removeprefix("alarm:") for word in first if word.startswith("alarm:")}


@router.post("/decisions/now")
def decide_again(request: Request, session: MakerForm) -> Response:
    """Decide with everything that is known now."""
    context = context_of(request)
    refuse_any_result(context, session)
    try:
        with context.store.lock("tunewell serve"):
            made = decide_now(context.project)
    except StoreError as error:
        return _decisions(
            request,
            session,
            error=error,
        )
    context.audit.add(
        session.account.name,
        "decided again",
        made.id,
        says=made.decision.action,
    )
    return RedirectResponse("/decisions", 303)


@router.post("/decisions/settle")
def settle(
    request: Request,
    session: MakerForm,
    alarm: Annotated[str, Form(max_length=200)],
    reason: Annotated[str, Form(max_length=2_000)] = "",
) -> Response:
    """Say that what an alarm was about is over, and decide again."""
    context = context_of(request)
    refuse_any_result(context, session)
    try:
        settle_alarm(
            context.store,
            alarm,
            author=session.account.shown,
            reason=reason,
            account=session.account,
        )
        with context.store.lock("tunewell serve"):
            decide_now(context.project)
    except StoreError:
        raise
    except UserError as error:
        return _decisions(request, session, error=error)
    return RedirectResponse("/decisions", 303)


@router.post("/decisions/sign")
def sign(
    request: Request,
    session: MakerForm,
    decision: Annotated[str, Form(max_length=64)],
    reason: Annotated[str, Form(max_length=2_000)] = "",
    against: Annotated[bool, Form()] = False,
) -> Response:
    """Sign the decision that was read, or say that one will do otherwise."""
    context = context_of(request)
    refuse_any_result(context, session)
    try:
        sign_decision(
            context.store,
            read=decision,
            author=session.account.shown,
            reason=reason,
            agrees=not against,
            account=session.account,
        )
    except StoreError:
        raise
    except UserError as error:
        return _decisions(
            request,
            session,
            reason=reason,
            error=error,
        )
    return RedirectResponse("/decisions", 303)


# --- rows -----------------------------------------------------------------------------------------


@router.get("/data")
def data_page(
    request: Request,
    session: Maker,
    q: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=8)] = "",
    part: Annotated[str, Query(max_length=16)] = "",
    origin: Annotated[str, Query(max_length=16)] = "",
    at: PageField = 1,
) -> Response:
    """Every row that was read, searched and filtered by what curation met in it."""
    context = context_of(request)
    refuse_any_result(context, session)
    index = context.rows.newest(context.store)
    query = RowQuery(q.strip(), code, part, origin, at)
    return page(
        request,
        "data.html",
        session,
        index=index,
        query=query,
        found=index.find(query) if index else None,
        filtered=bool(query.words or code or part or origin),
        parts=PARTS,
        pitfalls=CATALOGUE,
        link=lambda number: _link(query, number),
    )


def _link(query: RowQuery, number: int) -> str:
    asked = {
        "q": query.words,
        "code": query.code,
        "part": query.part,
        "origin": query.origin,
        "at": str(number),
    }
    return "/data?" + urlencode({name: value for name, value in asked.items() if value})


@router.get("/data/row")
def row_page(
    request: Request, session: Maker, id: Annotated[str, Query(min_length=1, max_length=2_000)]
) -> Response:
    """One row: its turns, its receipts, and its family side by side."""
    context = context_of(request)
    refuse_any_result(context, session)
    index = context.rows.newest(context.store)
    receipts = (
        context.store.receipts(
            index.dataset,
            row=id,
        )
        if index
        else []
    )
    if index is None or not receipts:
        raise Refused(
            404,
            "no row of the newest data has this id",
            hint="/data",
        )
    related = index.related(id)
    shown = {name: related[name] for name in list(related)[:MOST_KIN]}
    rows = context.store.examples(
        index.dataset,
        ids=[id, *shown],
    )
    told = context.store.receipts(index.dataset, rows=[*shown]) if shown else []
    return page(
        request,
        "row.html",
        session,
        id=id,
        row=next((row for row in rows if row.id == id), None),
        receipts=receipts,
        kin=relatives(shown, rows, told),
        more=max(len(related) - MOST_KIN, 0),
        pitfalls=CATALOGUE,
    )
