"""``tunewell gateway``: an OpenAI-compatible proxy that draws arms and records what happened."""

from __future__ import annotations

import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import (
    AuthorOption,
    JsonOption,
    ProjectArgument,
    ProjectOption,
    emit,
    open_project,
    show,
)
from tunewell.cli.ports import check_port
from tunewell.cli.verb_group import VerbGroup
from tunewell.errors import MissingExtraError, UserError
from tunewell.gateway.settings import gateway_settings
from tunewell.task import load_task

app = typer.Typer(
    cls=VerbGroup,
    rich_markup_mode=None,
    help="Proxy requests to models, and record what is asked and answered.",
)
keys = typer.Typer(help="Keys of the gateway.")
app.add_typer(keys, name="key")

NameOption = Annotated[str, typer.Option("--name", help="Name of the key.")]
LEDGER_LOOKS = 5

ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for the log.")]


@app.command("serve")
def serve(
    path: ProjectArgument = Path(),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8780,
    url: Annotated[
        str,
        typer.Option(
            "--database-url",
            envvar="TUNEWELL_DATABASE_URL",
            help="PostgreSQL instead of SQLite.",
        ),
    ] = "",
    json: JsonOption = False,
) -> None:
    """Start the gateway."""
    if not (find_spec("aiohttp") and find_spec("uvicorn") and find_spec("orjson")):
        raise MissingExtraError("gateway", needed_for="tunewell gateway serve")
    file = load_task(path)
    if file.spec.gateway is None:
        # Says what to write.
        gateway_settings(file)
    check_port(host, port, verb="tunewell gateway serve")
    if url:
        os.environ["TUNEWELL_DATABASE_URL"] = url
    # A process of its own, small for as long as it runs: this one has loaded all of Tunewell.
    command = [sys.executable, "-m", "tunewell.gateway.serving", str(file.path), host, str(port)]
    if json:
        emit("gateway serve", {"address": f"http://{host}:{port}/v1", "process": os.getpid()})
        sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, command)


@keys.command("make")
def make(
    name: NameOption,
    path: ProjectOption = Path(),
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help="user, feedback or admin. Repeatable.", show_default="user"),
    ] = None,
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Make a key and print its secret, once."""
    from tunewell.gateway.control import make_key

    scopes = scope or ["user"]
    with open_project(path) as project:
        secret = make_key(project.store, name, scopes, author=author)
    if json:
        emit("gateway key make", {"name": name, "scopes": scopes, "secret": secret})
        return
    show(secret)


@keys.command("list")
def list_keys(path: ProjectOption = Path(), json: JsonOption = False) -> None:
    """List the keys in force."""
    from tunewell.gateway.control import read_state

    with open_project(path) as project:
        found = read_state(project.store).keys
    if json:
        emit("gateway key list", [{"name": key.name, "scopes": key.scopes} for key in found])
        return
    for key in found:
        show(f"{key.name}: {', '.join(key.scopes)}")
    if not found:
        show("no keys; make one: tunewell gateway key make --name NAME")


@keys.command("revoke")
def revoke(
    name: NameOption,
    path: ProjectOption = Path(),
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """End a key; the gateway refuses it within two seconds."""
    from tunewell.gateway.control import revoke_key

    with open_project(path) as project:
        revoke_key(project.store, name, author=author)
    if json:
        emit("gateway key revoke", {"name": name, "revoked": True})
        return
    show(f"{name} is revoked")


@app.command("off")
def off(
    reason: ReasonOption,
    path: ProjectOption = Path(),
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Serve everybody by the fallback arm, from the next request on."""
    _switch(path, off=True, reason=reason, author=author)
    if json:
        emit("gateway off", {"off": True, "reason": reason})
        return
    show("the experiment is off: the fallback arm serves everybody")


@app.command("on")
def on(
    reason: ReasonOption,
    path: ProjectOption = Path(),
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Go on with the experiment."""
    _switch(path, off=False, reason=reason, author=author)
    if json:
        emit("gateway on", {"off": False, "reason": reason})
        return
    show("the experiment is on")


def _switch(path: Path, *, off: bool, reason: str, author: str) -> None:
    from tunewell.gateway.control import switch

    with open_project(path) as project:
        settings = gateway_settings(project.file)
        if off and not settings.fallback:
            raise UserError(
                "no arm is the fallback, so nothing could serve instead",
                place=str(project.file.path),
                hint=f"set gateway.fallback to {settings.arms[0].name}",
            )
        switch(project.store, off=off, reason=reason, author=author)


@app.command("ledger")
def ledger(path: ProjectOption = Path(), json: JsonOption = False) -> None:
    """Account for every request that was taken on."""
    try:
        from tunewell.gateway.drain import still_in_spool
        from tunewell.gateway.keep import traffic_ledger
        from tunewell.gateway.places import spool_folder
        from tunewell.gateway.tending import drain_project
    except ImportError as error:
        raise MissingExtraError("gateway", needed_for="tunewell gateway ledger") from error

    with open_project(path) as project:
        drain_project(project.store, project.root)
        # A gateway that is running moves records from the spool to the database meanwhile.
        for _ in range(LEDGER_LOOKS):
            waiting = still_in_spool(spool_folder(project.root))
            found = traffic_ledger(project.store).model_copy(update={"in_spool": waiting})
            if found.balances:
                break
            time.sleep(0.3)
    if json:
        emit("gateway ledger", {**found.model_dump(), "balances": found.balances})
        return
    show(
        f"accepted {found.accepted:,} = recorded {found.recorded:,} "
        f"+ unconfirmed {found.unconfirmed:,} + refused {found.refused:,}"
        f"{f' + removed {found.removed:,}' if found.removed else ''}"
        f"{f' + in work {found.in_spool:,}' if found.in_spool else ''}"
        f"{'' if found.balances else '  DOES NOT BALANCE'}"
    )
    if found.lost_bytes:
        show(f"{found.lost_bytes:,} bytes of the spool were cut by a kill or damaged")
