"""The process that answers requests; it imports no more than it needs.

``python -m tunewell.gateway.serving tunewell.yaml HOST PORT`` is what ``tunewell gateway serve``
becomes.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import uvicorn

from tunewell.errors import EXIT_OK, EXIT_USER, UserError
from tunewell.gateway.service import URL_VARIABLE, GatewayService
from tunewell.task import load_task

KEEP_ALIVE_S = 75
"""Longer than clients keep a connection that nobody uses: whoever closes it first while the other
sends a request loses that request."""


def main(definition: Path, host: str, port: int) -> int:
    """Serve until a signal; gives the exit code."""
    try:
        service = GatewayService(
            load_task(definition), url=os.environ.get(URL_VARIABLE, ""), told=_say
        )
    except UserError as error:
        _say(f"error: {error}")
        return EXIT_USER
    # uvicorn ends in order on a signal and then raises it again: without a handler of our own the
    # process would be gone before the spool is carried over.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    _say(f"The gateway is running at http://{host}:{port}/v1 (Ctrl-C stops it).")
    try:
        uvicorn.run(
            service.app,
            host=host,
            port=port,
            http="httptools",
            ws="none",
            lifespan="on",
            log_level="critical",
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
    finally:
        service.stop()
    return EXIT_OK


def _say(line: str) -> None:
    shown = "".join(
        c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in line
    )
    sys.stderr.write(f"{shown}\n")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
