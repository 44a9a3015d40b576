"""``tunewell serve``: the room for people in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import ProjectArgument, note
from tunewell.errors import MissingExtraError
from tunewell.people import Accounts, reopen_sign_offs
from tunewell.store import Store
from tunewell.task import load_task

DAY_S = 24 * 3600.0


def command(
    path: ProjectArgument = Path(),
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8765,
    public: Annotated[
        str, typer.Option(help="Address that people reach it by, such as https://tunewell.example.org.")
    ] = "",
    url: Annotated[
        str, typer.Option("--database-url", envvar="TUNEWELL_DATABASE_URL", help="PostgreSQL instead of SQLite.")
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
        str, typer.Option("--mail-from", envvar="TUNEWELL_MAIL_FROM", help="Address that notices come from.")
    ] = "",
    owner_link: Annotated[bool, typer.Option("--owner-link", help="Print a new link for an owner.")] = False,
) -> None:
    """Open the room where people annotate, review and see results."""
    try:
        import uvicorn

        from tunewell.web import create_app
        from tunewell.web.mail import mailer
    except ImportError as error:
        raise MissingExtraError("web", needed_for="tunewell serve") from error
    file = load_task(path)
    with Store(file.root, url=url) as store:
        reopen_sign_offs(store, file)
        accounts = Accounts(store)
        base = (public or f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}").rstrip("/")
        if owner_link or not any(a.role == "owner" and a.active for a in accounts.accounts()):
            token = accounts.invite("owner", author="Tunewell", lasts_s=DAY_S)
            note(f"The owner's link, good once and for a day:\n\n  {base}/join/{token}\n")
        note(f"The room is open at {base} (Ctrl-C closes it).")
        app = create_app(file, store, public=public, mail=mailer(smtp, mail_from))
        uvicorn.run(app, host=host, port=port, log_level="warning", server_header=False)
