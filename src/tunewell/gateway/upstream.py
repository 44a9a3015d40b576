"""Requests to the servers behind the gateway."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import aiohttp
import orjson

from tunewell.gateway.http import Header
from tunewell.task import ModelServerSpec

PATHS = {"chat": "/chat/completions", "responses": "/responses"}

CONNECT_S = 5.0

KEEP_ALIVE_S = 4.0
"""Shorter than servers keep a connection that nobody uses (uvicorn, and so vLLM: 5 seconds)."""

HOP_BY_HOP = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that belong to one connection, or that no client of the gateway should get."""


class Upstream:
    """Sends requests to servers.

    Args:
        servers: That there are.

    Secrets come from the environment when the gateway starts, and are in no record.
    """

    def __init__(self, servers: Iterable[ModelServerSpec]) -> None:
        self._servers = {server.name: server for server in servers}
        self._keys = {
            server.name: os.environ.get(server.key_variable, "")
            for server in self._servers.values()
            if server.key_variable
        }
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the pool of connections, in the event loop that will use it."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=["User-Agent", "Accept"],
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def send(
        self, server: str, endpoint: str, body: dict[str, Any]
    ) -> aiohttp.ClientResponse:
        """Send a request; gives the answer before its body has come.

        Raises:
            aiohttp.ClientError: There is no connection.
            TimeoutError: The server said nothing for too long.
        """
        if self._session is None:
            raise RuntimeError("the connections are not open")
        chosen = self._servers[server]
        headers = {"content-type": "application/json", "accept-encoding": "identity"}
        key = self._keys.get(server)
        if key:
            headers["authorization"] = f"Bearer {key}"
        return await self._session.post(
            chosen.url + PATHS[endpoint],
            data=orjson.dumps(body),
            headers=headers,
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=CONNECT_S, sock_read=chosen.timeout_s
            ),
            # A redirect would carry the key to another server.
            allow_redirects=False,
        )


def passed_headers(answer: aiohttp.ClientResponse) -> list[Header]:
    """The headers of a server's answer that the client gets."""
    passed = []
    for name, value in answer.raw_headers:
        if name.decode("latin-1").lower() not in HOP_BY_HOP:
            passed.append((name.lower(), value))
    return passed
