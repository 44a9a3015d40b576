"""The application: pages, API and files of one project, every answer guarded."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from tunewell import __version__
from tunewell.errors import StoreError, UserError
from tunewell.people import Session
from tunewell.project import Project
from tunewell.web import (
    api,
    compare_api,
    compare_manage,
    compare_rate,
    decide,
    definition,
    exchange,
    experiments,
    home,
    inbox,
    items,
    manage,
    members,
    plain_form,
    questions,
    recordings,
    release,
    sign_in,
    sso,
    watch,
    work,
)
from tunewell.web.access import Refused, session_of
from tunewell.web.context import AppContext
from tunewell.web.guard import Guard
from tunewell.web.mail import Mailer, MailQueue
from tunewell.web.oidc import Issuer, OpenID
from tunewell.web.render import page

TITLES = {
    400: "Bad request",
    401: "Sign in",
    403: "Not allowed",
    404: "Page not found",
    429: "Too many requests",
    503: "Not available at the moment",
}

PARTS = (
    sign_in,
    sso,
    work,
    plain_form,
    decide,
    items,
    questions,
    recordings,
    exchange,
    manage,
    definition,
    release,
    members,
    home,
    compare_rate,
    compare_manage,
    experiments,
    inbox,
    watch,
    api,
    compare_api,
)
"""Whose routes the application has."""

LONGEST_MESSAGE = 2000
MOST_FAULTS = 10
RETRY_S = "5"
"""Seconds after which a client tries again, as its header says."""

log = logging.getLogger("tunewell.web")
DESCRIPTION = "Review and annotation: queues, verdicts, results. Send `Authorization: Bearer tw_…`."


def create_app(
    project: Project,
    *,
    public: str = "",
    mail: Mailer | None = None,
    issuer: Issuer | None = None,
    hosts: Collection[str] = (),
) -> FastAPI:
    """The review app of one project, as an ASGI application.

    Args:
        project: The project.
        public: Address that people reach it by (``https://tunewell.example.org``); with ``https``
            cookies are sent over HTTPS only. Links are made from the request's own address if
            empty.
        mail: Sends links and notices of work; None = nothing is sent.
        issuer: OpenID Connect identity provider that people may sign in with.
        hosts: Names that requests may be sent to, without ports; any name if empty.
    """
    file, store = project.file, project.store
    app = FastAPI(
        title="Tunewell",
        version=__version__,
        description=DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = AppContext(
        loaded=file,
        store=store,
        secure=public.startswith("https://"),
        public=public.rstrip("/"),
        mail=MailQueue(mail) if mail else None,
        sso=OpenID(issuer, store) if issuer else None,
    )
    for part in PARTS:
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    app.add_api_route("/health", _health, include_in_schema=False)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(UserError, _user_error)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(StoreError, _store_error)
    app.add_middleware(Guard, hosts=hosts)
    return app


async def _health() -> Response:
    return PlainTextResponse("ok")


def _is_api(request: Request) -> bool:
    return request.url.path.startswith("/api/")


def _answer(
    request: Request,
    status: int,
    message: str,
    hint: str = "",
) -> Response:
    """An error as JSON below ``/api``, as a page elsewhere."""
    if _is_api(request):
        return api.problem(status, message, hint)
    return page(
        request,
        "error.html",
        _session_if_known(request),
        status=status,
        title=TITLES.get(status, "Something went wrong"),
        message=message,
        hint=hint,
    )


def _session_if_known(request: Request) -> Session | None:
    """Who is signed in; nobody where the store cannot say."""
    try:
        return session_of(request)
    except UserError:
        return None


def _store_error(request: Request, error: Exception) -> Response:
    """The store is away, locked or full: nothing was refused, and trying again is right."""
    assert isinstance(error, StoreError)
    log.warning("%s", error.message)
    answer = _answer(
        request,
        503,
        "the store cannot be used at the moment; nothing was lost",
        "try again in a few seconds",
    )
    answer.headers["retry-after"] = RETRY_S
    return answer


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    is_page = request.method == "GET" and not _is_api(request)
    if error.status == 401 and is_page:
        return RedirectResponse(error.hint or "/login", 303)
    answer = _answer(request, error.status, error.message, error.hint)
    if error.status == 429:
        answer.headers["retry-after"] = RETRY_S
    return answer


def _user_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, UserError)
    return _answer(request, 400, error.message, error.hint)


def _unreadable(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = []
    for fault in error.errors()[:MOST_FAULTS]:
        place = ".".join(str(part) for part in fault["loc"][1:])
        faults.append(f"{place}: {fault['msg']}")
    return _answer(request, 422, "; ".join(faults)[:LONGEST_MESSAGE])


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _answer(request, error.status_code, str(error.detail))
