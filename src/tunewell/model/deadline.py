"""A deadline for a whole request: a server that drips its answer, byte after byte, meets it too.

The timeouts of an HTTP client are of a single read. A server that sends a byte now and then never
exceeds one, and would hold a request for ever.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

_REQUEST = threading.local()


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """What this thread reads and writes on timed connections ends after so many seconds."""
    _REQUEST.ends_at = time.monotonic() + seconds
    try:
        yield
    finally:
        _REQUEST.ends_at = None


def time_connections(client: httpx2.Client) -> None:
    """Let the connections of a client heed `deadline`, those through a proxy too.

    The client offers no way to name its network; its pool does, and is given it here.
    """
    for transport in (client._transport, *client._mounts.values()):
        pool: Any = getattr(transport, "_pool", None)
        if pool is not None:
            pool._network_backend = _TimedNetwork(pool._network_backend)


class _TimedNetwork:
    """Opens connections that heed the deadline."""

    def __init__(self, network: Any) -> None:
        self._network = network

    def connect_tcp(
        self, *place: Any, timeout: float | None = None, **options: Any
    ) -> _TimedStream:
        stream = self._network.connect_tcp(*place, timeout=_left_s(timeout), **options)
        return _TimedStream(stream)

    def connect_unix_socket(
        self, *place: Any, timeout: float | None = None, **options: Any
    ) -> _TimedStream:
        stream = self._network.connect_unix_socket(*place, timeout=_left_s(timeout), **options)
        return _TimedStream(stream)

    def sleep(self, seconds: float) -> None:
        self._network.sleep(seconds)


class _TimedStream:
    """A connection: no read or write outlasts the deadline of the thread that asks."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data: bytes = self._stream.read(max_bytes, timeout=_left_s(timeout))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=_left_s(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, *context: Any, timeout: float | None = None, **options: Any
    ) -> _TimedStream:
        return _TimedStream(self._stream.start_tls(*context, timeout=_left_s(timeout), **options))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left_s(timeout: float | None) -> float | None:
    """The shorter of a timeout and what is left before the deadline, in seconds.

    Raises:
        ReadTimeout: Nothing is left.
    """
    ends_at: float | None = getattr(_REQUEST, "ends_at", None)
    if ends_at is None:
        return timeout
    left = ends_at - time.monotonic()
    if left <= 0:
        import httpcore2

        raise httpcore2.ReadTimeout("no answer in time")
    return left if timeout is None else min(timeout, left)
