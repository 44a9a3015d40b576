"""Keys and the switch of a gateway, as the project's events have them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

from tunewell.errors import UserError
from tunewell.experiments import current_experiment
from tunewell.gateway.state import SCOPES, GatewayKey, GatewayState, secret_digest
from tunewell.releases import history
from tunewell.store import Store

_KEY: Final = "gateway-key"
_REVOKED: Final = "gateway-key-revoked"
_SWITCH: Final = "gateway-switch"


def read_state(store: Store) -> GatewayState:
    """The state as the database has it."""
    revoked = {event.record["digest"] for event in store.said(_REVOKED)}
    keys = []
    for event in store.said(_KEY):
        key = GatewayKey.model_validate(event.record)
        if key.digest not in revoked:
            keys.append(key)
    switches = store.said(_SWITCH)
    return GatewayState(
        keys=tuple(keys),
        off=bool(switches) and bool(switches[-1].record["off"]),
        versions={release.place: release.version for release in history(store)},
        experiment=current_experiment(store),
    )


def make_key(store: Store, name: str, scopes: Sequence[str], *, author: str) -> str:
    """Make a key; its secret is shown once.

    Raises:
        UserError: There is a key of that name, or no such scope.
    """
    if not name.strip():
        raise UserError("a key needs a name", hint="tunewell gateway key make --name desk-app")
    for scope in scopes:
        if scope not in SCOPES:
            raise UserError(
                f"there is no scope {scope!r}", hint=f"a scope is one of {', '.join(SCOPES)}"
            )
    if any(key.name == name for key in read_state(store).keys):
        raise UserError(
            f"there is a key called {name!r}", hint=f"tunewell gateway key revoke --name {name}"
        )
    secret = f"twg_{secrets.token_urlsafe(32)}"
    key = {"name": name, "digest": secret_digest(secret), "scopes": list(scopes) or ["user"]}
    store.say(_KEY, name, author=author, record=key)
    return secret


def revoke_key(store: Store, name: str, *, author: str) -> None:
    """End a key; the gateways refuse it within a second or two.

    Raises:
        UserError: There is no such key.
    """
    found = [key for key in read_state(store).keys if key.name == name]
    if not found:
        raise UserError(f"there is no key {name!r}", hint="tunewell gateway key list")
    for key in found:
        store.say(_REVOKED, name, author=author, record={"digest": key.digest})


def switch(store: Store, *, off: bool, reason: str, author: str) -> None:
    """Serve everybody by the fallback arm, or go on with the experiment."""
    store.say(_SWITCH, "experiment", author=author, record={"off": off, "reason": reason})
