"""``tunewell serve``: the web app for annotators, reviewers and owners."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from tunewell.cli.common import DATABASE_URL, JsonOption, ProjectArgument, emit, note
from tunewell.errors import MissingExtraError, UserError
from tunewell.people import ROLES, Accounts, Invitations, reopen_sign_offs
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import load_task

if TYPE_CHECKING:
    from tunewell.web.oidc import Issuer

DAY_S = 24 * 3600.0
EVERY_ADDRESS = ("0.0.0.0", "::")

MOST_PORT = 65535

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
            max=MOST_PORT,
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
    json: JsonOption = False,
) -> None:
    """Start the web app where people annotate, review and decide."""
    try:
        import uvicorn

        from tunewell.web import create_app
        from tunewell.web.connection import PatientProtocol
        from tunewell.web.mail import mailer
    except ImportError as error:
        raise MissingExtraError("web", needed_for="tunewell serve") from error

    file = load_task(path)
    with listening(host, port) as at, Store(file.root, url=url, patience_s=PATIENCE_S) as store:
        reopen_sign_offs(Project(file, store))
        store.note_head()
        base = (public or _local_address(host, at.getsockname()[1])).rstrip("/")
        link = ""
        if owner_link or not _has_owner(store):
            link = _new_owner_link(store, base)
        _announce(base, link, json=json)
        app = create_app(
            Project(file, store),
            public=public,
            mail=mailer(smtp, mail_from),
            issuer=_issuer(oidc_issuer, oidc_client, oidc_role),
            hosts=_hosts(host, public),
        )
        config = uvicorn.Config(
            app,
            http=PatientProtocol,
            ws="none",
            log_level="warning",
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            proxy_headers=bool(proxy),
            forwarded_allow_ips=proxy or None,
        )
        uvicorn.Server(config).run(sockets=[at])
        store.note_head()


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that is bound before anything else is opened or announced.

    Raises:
        UserError: The port is taken, or the address is not one of this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise UserError(
            f"cannot listen on {host!r}: {error.strerror}", hint="tunewell serve --host 127.0.0.1"
        ) from None
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(address)
        except OSError as error:
            raise _cannot_listen(host, port, error) from None
        yield bound


def _cannot_listen(host: str, port: int, error: OSError) -> UserError:
    if error.errno == errno.EADDRINUSE:
        return UserError(
            f"port {port} of {host} is already in use",
            hint=f"tunewell serve --port {port + 1 if port < MOST_PORT else 0}",
        )
    if error.errno == errno.EACCES:
        return UserError(
            f"port {port} may not be used by this account", hint="tunewell serve --port 8765"
        )
    return UserError(
        f"cannot listen on {host}:{port}: {error.strerror}",
        hint="tunewell serve --host 127.0.0.1",
    )


def _announce(base: str, link: str, *, json: bool) -> None:
    """Where it is, and the owner's link if there is a new one; the envelope before it starts."""
    if json:
        emit("serve", {"address": base, "owner_link": link or None})
        sys.stdout.flush()
        return
    if link:
        note(f"The owner's link, valid once and for a day:\n\n  {link}\n")
    note(f"The web app is running at {base} (Ctrl-C stops it).")


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


def _new_owner_link(store: Store, base: str) -> str:
    token = Invitations(store).make("owner", author="Tunewell", lasts_s=DAY_S)
    return f"{base}/join/{token}"


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
