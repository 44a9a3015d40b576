"""A port that cannot be had is told in a line, before anything else is."""

from __future__ import annotations

import socket

from tunewell.errors import UserError

HIGHEST = 65_535


def check_port(host: str, port: int, *, verb: str) -> None:
    """See whether it can be listened on.

    Args:
        host: Address.
        port: Port; 0 = any.
        verb: Of the hint.

    Raises:
        UserError: It is in use, or may not be had.
    """
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as error:
        other = port + 1 if port < HIGHEST else port - 1
        raise UserError(
            f"cannot listen on {host}:{port}: {error.strerror}", hint=f"{verb} --port {other}"
        ) from error
