"""The gateway's part of a definition, or what to write there."""

from __future__ import annotations

from tunewell.errors import UserError
from tunewell.task import GatewaySection, TaskFile


def gateway_settings(file: TaskFile) -> GatewaySection:
    """The gateway's part of the definition.

    Raises:
        UserError: There is none.
    """
    if file.spec.gateway is None:
        raise UserError(
            "this project has no gateway",
            place=str(file.path),
            hint="add a section to tunewell.yaml, such as:\n"
            "  gateway:\n"
            "    servers: [{name: local, url: 'http://127.0.0.1:8000/v1'}]\n"
            "    arms: [{name: current, server: local, model: MODEL}]",
        )
    return file.spec.gateway
