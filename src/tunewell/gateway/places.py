"""Where a gateway keeps its files, and the salt among them."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

from tunewell.disk import disk_errors, make_private
from tunewell.gateway.draw import SALT_BYTES

STORE_FOLDER: Final = ".tunewell"
FOLDER: Final = "gateway"
SPOOL: Final = "spool"
SALT_VARIABLE: Final = "TUNEWELL_GATEWAY_SALT"


def gateway_folder(project: Path) -> Path:
    """Where the gateway of a project keeps its files; only the owner may enter."""
    folder = project / STORE_FOLDER / FOLDER
    make_private(project / STORE_FOLDER)
    make_private(folder)
    return folder


def spool_folder(project: Path) -> Path:
    """Where what happened is kept until the database has it."""
    return gateway_folder(project) / SPOOL


def salt(folder: Path) -> bytes:
    """The project's salt: ``$TUNEWELL_GATEWAY_SALT``, else drawn once and kept beside the spool.

    Gateways on several machines need the variable, or users would be drawn anew on each.
    """
    given = os.environ.get(SALT_VARIABLE, "")
    if given:
        return given.encode("utf-8", "surrogateescape")
    path = folder / "salt"
    if not path.exists():
        # Written whole before it has its name: another process may read it at any moment.
        new = folder / f"salt-{secrets.token_hex(4)}"
        with disk_errors(path):
            new.touch(mode=0o600)
            new.write_bytes(secrets.token_bytes(SALT_BYTES))
            with contextlib.suppress(FileExistsError):
                os.link(new, path)
            new.unlink()
    return path.read_bytes()
