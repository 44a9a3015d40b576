"""``tunewell serve``: the web app for annotators, reviewers and owners."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from tunewell.cli.common import DATABASE_URL, ProjectArgument, note
from tunewell.errors import MissingExtraError, UserError
from tunewell.people import ROLES, Accounts, Invitations, reopen_sign_offs
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import load_task

if TYPE_CHECKING:
    from tunewell.web.oidc import Issuer

DAY_S = 24 * 3600.0
EVERY_ADDRESS = ("0.0.0.0", "::")

PATIENCE_S = 5.0
"""How long a request waits for another writer before it is told to come again."""

MOST_CONNECTIONS = 1_000
"""Connections at any time; more are told to come again."""


def command(
    path: ProjectArgument = Path(),
    host: Annotated[
        str,
        typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in."),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            help="Port to listen on.",
            min=0,
            max=65535,
        ),
    ] = 8765,
    public: Annotated[
        str,
        typer.Option(help="Address people use to reach it: https://tunewell.example.org."),
    ] = "",
    proxy: Annotated[
        str,
        typer.Option(
            help="Address of the web server in front, whose X-Forwarded-* headers are believed; "
            "if empty, none are.",
        ),
    ] = "",
    url: Annotated[
        str,
        typer.Option(
            "--database-url",
            envvar=DATABASE_URL,
            help="PostgreSQL instead of SQLite; set the variable for every verb.",
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
            "--mail-from",
            envvar="TUNEWELL_MAIL_FROM",
            help="Sender address of notifications.",
        ),
    ] = "",
    oidc_issuer: Annotated[
        str,
        typer.Option(
            envvar="TUNEWELL_OIDC_ISSUER",
            help="OpenID Connect issuer; TUNEWELL_OIDC_SECRET holds the client secret, if any.",
        ),
    ] = "",
    oidc_client: Annotated[
        str,
        typer.Option(envvar="TUNEWELL_OIDC_CLIENT", help="Tunewell's client id at the issuer."),
    ] = "",
    oidc_role: Annotated[
        str,
        typer.Option(
            help="Role of people who sign in through the issuer for the first time; if empty, "
            "only people with an account can sign in.",
        ),
    ] = "",
    owner_link: Annotated[
        bool,
        typer.Option("--owner-link", help="Print a new link for an owner."),
    ] = False,
) -> None:
    """Start the web app where people annotate, review and see results."""
    try:
        import uvicorn

        from tunewell.web import create_app
        from tunewell.web.connection import PatientProtocol
        from tunewell.web.mail import mailer
    except ImportError as error:
        raise MissingExtraError("web", needed_for="tunewell serve") from error

    file = load_task(path)
    with Store(file.root, url=url, patience_s=PATIENCE_S) as store:
        reopen_sign_offs(Project(file, store))
        store.note_head()
        base = (public or _local_address(host, port)).rstrip("/")
        if owner_link or not _has_owner(store):
            _note_owner_link(store, base)
        note(f"The web app is running at {base} (Ctrl-C stops it).")
        app = create_app(
            Project(file, store),
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


def _local_address(host: str, port: int) -> str:
    """Where it is reached from this machine."""
    reached = "127.0.0.1" if host in EVERY_ADDRESS else host
    return f"http://{reached}:{port}"


def _hosts(host: str, public: str) -> set[str]:
    """The names that requests may be sent to; links are made with them, so they are no others."""
    from tunewell.web.guard import ANY_ADDRESS

    found = {"127.0.0.1", "localhost", "::1", host.lower()}
    if public:
        found.add((urlsplit(public).hostname or "").lower())
    if host in EVERY_ADDRESS:
        found |= {ANY_ADDRESS, socket.gethostname().lower()}
    return found - {""}


def _has_owner(store: Store) -> bool:
    return any(a.role == "owner" and a.active for a in Accounts(store).all())


def _note_owner_link(store: Store, base: str) -> None:
    token = Invitations(store).make("owner", author="Tunewell", lasts_s=DAY_S)
    note(f"The owner's link, valid once and for a day:\n\n  {base}/join/{token}\n")


def _issuer(
    url: str,
    client: str,
    role: str,
) -> Issuer | None:
    from tunewell.web.oidc import Issuer

    if not url:
        return None
    if not client:
        raise UserError(
            "--oidc-issuer needs --oidc-client",
            hint="the issuer gives you a client id when you register Tunewell there",
        )
    if role and role not in ROLES:
        raise UserError(
            f"there is no role {role!r}", hint=f"--oidc-role is one of {', '.join(ROLES)}"
        )
    return Issuer.model_validate(
        {
            "url": url,
            "client": client,
            "secret": os.environ.get("TUNEWELL_OIDC_SECRET", ""),
            "role": role or None,
        }
    )
