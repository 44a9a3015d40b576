"""What the gateway has to know of the project: keys, the switch, released versions.

The process that knows the database (`tunewell.gateway.tending`) keeps it in a file, which the
gateway reads once a second: while the database is away the last state holds, also after a restart.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, get_args

from pydantic import Field, ValidationError

from tunewell.disk import disk_errors
from tunewell.experiment_design import RunningExperiment
from tunewell.types import Value

Scope = Literal["user", "feedback", "admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)


def secret_digest(secret: str) -> str:
    """SHA-256 of a key's secret, hex: the secret itself is kept nowhere."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


class GatewayKey(Value):
    """A key of the gateway; its secret is kept nowhere.

    Attributes:
        name: Of whoever uses it.
        digest: Of the secret.
        scopes: ``user``: may ask. ``feedback``: may say what came of it. ``admin``: may read the
            gateway's counts.
    """

    name: str
    digest: str
    scopes: tuple[Scope, ...]


class GatewayState(Value):
    """What holds at a moment.

    Attributes:
        keys: In force.
        off: Whether the experiment is switched off: everybody is served by the fallback.
        versions: Released version by place.
        experiment: The test on traffic that draws, or has ended and holds everybody at its control.
    """

    keys: tuple[GatewayKey, ...] = ()
    off: bool = False
    versions: dict[str, str] = Field(default_factory=dict)
    experiment: RunningExperiment | None = None

    def key(self, secret: str) -> GatewayKey | None:
        """The key with this secret."""
        return self._by_digest.get(secret_digest(secret))

    @cached_property
    def _by_digest(self) -> dict[str, GatewayKey]:
        return {key.digest: key for key in self.keys}


def kept_state(folder: Path) -> GatewayState | None:
    """The state that was kept last, if any can be read."""
    try:
        return GatewayState.model_validate_json((folder / "state.json").read_bytes())
    except (OSError, ValidationError):
        return None


def keep_state(folder: Path, state: GatewayState) -> None:
    """Keep the state for a start without the database."""
    path = folder / "state.json"
    new = path.with_suffix(".new")
    with disk_errors(path):
        new.write_text(state.model_dump_json(), encoding="utf-8")
        new.chmod(0o600)
        new.replace(path)
