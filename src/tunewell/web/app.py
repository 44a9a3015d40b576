"""The application: pages, API and files of one project, every answer guarded."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from tunewell import __version__
from tunewell.errors import UserError
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.web import api, manage, sign_in, sso, work
from tunewell.web.access import Refused, Room, session_of
from tunewell.web.guard import Guard
from tunewell.web.mail import Mailer
from tunewell.web.oidc import Issuer, OpenID
from tunewell.web.render import page

TITLES = {
    400: "That does not fit",
    401: "Sign in",
    403: "Not for you",
    404: "Nothing here",
    429: "Too fast",
}


def create_app(
    file: TaskFile,
    store: Store,
    *,
    public: str = "",
    mail: Mailer | None = None,
    issuer: Issuer | None = None,
) -> FastAPI:
    """The room for people of one project, as an ASGI application.

    Args:
        file: The definition.
        store: Its store; the application keeps no state of its own, so it may run many times over
            one PostgreSQL.
        public: Address that people reach it by (``https://tunewell.example.org``); with ``https``
            cookies are sent over HTTPS only. Links are made from the request's own address if
            empty.
        mail: Sends links and notices of work; None = nothing is sent.
        issuer: OpenID Connect issuer that people may sign in with.
    """
    app = FastAPI(
        title="Tunewell",
        version=__version__,
        description="The room for people: queues, verdicts, results. Send `Authorization: Bearer tw_…`.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.room = Room(
        file=file,
        store=store,
        secure=public.startswith("https://"),
        public=public.rstrip("/"),
        mail=mail,
        sso=OpenID(issuer, store) if issuer else None,
    )
    for part in (sign_in, sso, work, manage, api):
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    app.add_api_route("/health", _health, include_in_schema=False)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(UserError, _user_error)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(Guard)
    return app


def _health() -> Response:
    return PlainTextResponse("ok")


def _answer(request: Request, status: int, message: str, hint: str = "") -> Response:
    """An error as JSON below ``/api``, as a page elsewhere."""
    if request.url.path.startswith("/api/"):
        return api.problem(status, message, hint)
    return page(
        request,
        "error.html",
        session_of(request),
        status=status,
        title=TITLES.get(status, "That went wrong"),
        message=message,
        hint=hint,
    )


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    if error.status == 401 and not request.url.path.startswith("/api/") and request.method == "GET":
        return RedirectResponse(error.hint or "/login", 303)
    return _answer(request, error.status, error.message, error.hint)


def _user_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, UserError)
    return _answer(request, 400, error.message, error.hint)


def _unreadable(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    parts = [f"{'.'.join(str(p) for p in e['loc'][1:])}: {e['msg']}" for e in error.errors()]
    return _answer(request, 422, "; ".join(parts)[:2000])


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _answer(request, error.status_code, str(error.detail))
