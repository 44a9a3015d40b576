"""``tunewell serve``: the room for people in a browser."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from tunewell.cli.common import ProjectArgument, note
from tunewell.errors import MissingExtraError, UserError
from tunewell.people import ROLES, Accounts, Invitations, reopen_sign_offs
from tunewell.store import Store
from tunewell.task import load_task

if TYPE_CHECKING:
    from tunewell.web.oidc import Issuer

DAY_S = 24 * 3600.0

PATIENCE_S = 5.0
"""How long a request waits for another writer before it is told to come again."""

MOST_CONNECTIONS = 1_000
"""Connections at any time; more are told to come again."""

WILDCARDS = ("0.0.0.0", "::")
"""Addresses that mean every address of this machine."""


def command(
    path: ProjectArgument = Path(),
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8765,
    public: Annotated[
        str,
        typer.Option(help="Address that people reach it by, such as https://tunewell.example.org."),
    ] = "",
    proxy: Annotated[
        str,
        typer.Option(
            help="Address of the web server in front, whose X-Forwarded-* headers are believed; no one's if empty."
        ),
    ] = "",
    url: Annotated[
        str,
        typer.Option(
            "--database-url", envvar="TUNEWELL_DATABASE_URL", help="PostgreSQL instead of SQLite."
        ),
    ] = "",
    smtp: Annotated[
        str,
        typer.Option(
            "--smtp",
            envvar="TUNEWELL_SMTP_URL",
            help="Mail server: smtp+starttls://user:password@mail.example.org:587.",
        ),
    ] = "",
    mail_from: Annotated[
        str,
        typer.Option(
            "--mail-from", envvar="TUNEWELL_MAIL_FROM", help="Address that notices come from."
        ),
    ] = "",
    oidc_issuer: Annotated[
        str,
        typer.Option(
            envvar="TUNEWELL_OIDC_ISSUER",
            help="Issuer of OpenID Connect; TUNEWELL_OIDC_SECRET holds the client's secret, if it has one.",
        ),
    ] = "",
    oidc_client: Annotated[
        str, typer.Option(envvar="TUNEWELL_OIDC_CLIENT", help="Our id at the issuer.")
    ] = "",
    oidc_role: Annotated[
        str,
        typer.Option(
            help="Role of people who come by the issuer for the first time; nobody new if empty."
        ),
    ] = "",
    owner_link: Annotated[
        bool, typer.Option("--owner-link", help="Print a new link for an owner.")
    ] = False,
) -> None:
    """Open the room where people annotate, review and see results."""
    try:
        import uvicorn

        from tunewell.web import create_app
        from tunewell.web.connection import PatientProtocol
        from tunewell.web.mail import mailer
    except ImportError as error:
        raise MissingExtraError("web", needed_for="tunewell serve") from error
    file = load_task(path)
    with Store(file.root, url=url, patience_s=PATIENCE_S) as store:
        reopen_sign_offs(store, file)
        store.note_head()
        base = (public or f"http://{_shown_host(host)}:{port}").rstrip("/")
        if owner_link or _has_no_owner(store):
            token = Invitations(store).make("owner", author="Tunewell", lasts_s=DAY_S)
            note(f"The owner's link, good once and for a day:\n\n  {base}/join/{token}\n")
        note(f"The room is open at {base} (Ctrl-C closes it).")
        app = create_app(
            file,
            store,
            public=public,
            mail=mailer(smtp, mail_from),
            issuer=_issuer(oidc_issuer, oidc_client, oidc_role),
            hosts=_hosts(host, public),
        )
        uvicorn.run(
            app,
            host=host,
            port=port,
            http=PatientProtocol,
            ws="none",
            log_level="warning",
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            proxy_headers=bool(proxy),
            forwarded_allow_ips=proxy or None,
        )
        store.note_head()


def _shown_host(host: str) -> str:
    return "127.0.0.1" if host in WILDCARDS else host


def _has_no_owner(store: Store) -> bool:
    accounts = Accounts(store).all()
    return not any(account.role == "owner" and account.active for account in accounts)


def _hosts(host: str, public: str) -> set[str]:
    """The names that requests may be sent to; links are made with them, so they are no others."""
    from tunewell.web.guard import ANY_ADDRESS

    found = {"127.0.0.1", "localhost", "::1", host.lower()}
    if public:
        found.add((urlsplit(public).hostname or "").lower())
    if host in WILDCARDS:
        found |= {ANY_ADDRESS, socket.gethostname().lower()}
    return found - {""}


def _issuer(url: str, client: str, role: str) -> Issuer | None:
    from tunewell.web.oidc import Issuer

    if not url:
        return None
    if not client or (role and role not in ROLES):
        raise UserError(
            "the issuer needs --oidc-client" if not client else f"there is no role {role!r}",
            hint=f"--oidc-role is one of {', '.join(ROLES)}"
            if client
            else "the issuer gives it when you register",
        )
    return Issuer.model_validate(
        {
            "url": url,
            "client": client,
            "secret": os.environ.get("TUNEWELL_OIDC_SECRET", ""),
            "role": role or None,
        }
    )
