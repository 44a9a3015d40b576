"""The gateway as an ASGI application: takes a request on, draws an arm, passes the answer on.

A plain application without a framework: a stream of twenty pieces should cost the processor little
more than its bytes do.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

import aiohttp
from pydantic import ValidationError

from tunewell.errors import StoreError
from tunewell.gateway.asked import Headers, asker_of, prompt_version
from tunewell.gateway.draw import Draw, Hasher, Placed
from tunewell.gateway.exchange import Exchange
from tunewell.gateway.http import (
    Header,
    Receive,
    Scope,
    Send,
    TurnedAwayError,
    answer,
    answer_error,
    json_object,
    piece,
    read_body,
    start,
)
from tunewell.gateway.ids import new_id
from tunewell.gateway.limits import RateLimit
from tunewell.gateway.said import read_feedback_request
from tunewell.gateway.spool import Spool, SpoolReceipt
from tunewell.gateway.state import GatewayKey, GatewayState
from tunewell.gateway.state import Scope as KeyScope
from tunewell.gateway.upstream import Upstream, passed_headers
from tunewell.task import GatewaySection
from tunewell.types import Ended

WRITTEN_WAIT_S: Final = 1.0
SYNCED_WAIT_S: Final = 0.02
"""How long the last piece of an answer waits for the disk."""

FEEDBACK_WAIT_S: Final = 10.0
FEEDBACK_BYTES: Final = 1_000_000
MOST_SHADOWS: Final = 100
RELOAD_S: Final = 1.0
SERVERS_FAULTS: Final = frozenset({500, 502, 503, 504})
LAST_MARKS: Final = {"chat": b"data: [DONE]", "responses": b"event: response.completed"}

FEEDBACK_PATH: Final = "/v1/feedback"
LOOKS: Final[Mapping[tuple[str, str], KeyScope | None]] = {
    ("GET", "/healthz"): None,
    ("GET", "/v1/models"): "user",
    ("GET", "/v1/gateway"): "admin",
}
ENDPOINTS: Final = {"/v1/chat/completions": "chat", "/v1/responses": "responses"}


class Gateway:
    """The application.

    Args:
        settings: Of the gateway.
        spool: Where what happens is written.
        hasher: With the project's salt.
        state: What holds at the start.
        reload: Reads the state anew; None = it stays.
    """

    def __init__(
        self,
        settings: GatewaySection,
        spool: Spool,
        hasher: Hasher,
        *,
        state: GatewayState,
        reload: Callable[[], GatewayState] | None = None,
    ) -> None:
        self.settings = settings
        self.spool = spool
        self.state = state
        self.turned_away = 0
        self._hasher = hasher
        self._reload = reload
        self._draw = Draw(settings, hasher)
        self._limit = RateLimit(settings.limits)
        self._upstream = Upstream(settings.servers)
        self._body_bytes = int(settings.limits.body_mb * 1_000_000)
        self._in_flight = 0
        self._background: set[asyncio.Task[None]] = set()
        self._shadows = 0
        self._stopping = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or start and stop."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._respond(scope, receive, send)

    # --- life -------------------------------------------------------------------------------------

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._upstream.open()
        self._keep_running(self._read_state())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._stopping.set()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._upstream.close()
        await asyncio.to_thread(self.spool.stop)
        await send({"type": "lifespan.shutdown.complete"})

    def _keep_running(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _read_state(self) -> None:
        """Read the state once a second; while the database is away the last one holds."""
        if self._reload is None:
            return
        while True:
            await asyncio.sleep(RELOAD_S)
            with contextlib.suppress(StoreError):
                self.state = await asyncio.to_thread(self._reload)

    # --- requests ---------------------------------------------------------------------------------

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._route(scope, receive, send)
        except TurnedAwayError as error:
            self.turned_away += 1
            await answer_error(send, error)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = (scope["method"], scope["path"])
        headers: Headers = dict(scope["headers"])
        endpoint = ENDPOINTS.get(scope["path"])
        if endpoint and asked[0] == "POST":
            await self._exchange(endpoint, headers, receive, send)
        elif asked == ("POST", FEEDBACK_PATH):
            await self._take_feedback(headers, receive, send)
        elif asked in LOOKS:
            await answer(send, 200, self._look(asked, headers))
        else:
            known = {*ENDPOINTS, FEEDBACK_PATH, *(path for _, path in LOOKS)}
            status = 405 if scope["path"] in known else 404
            raise TurnedAwayError(status, f"{' '.join(asked)} does not exist", code="not_found")

    def _look(self, asked: tuple[str, str], headers: Headers) -> dict[str, Any]:
        """What can be read: whether it lives, the models, the counts."""
        scope = LOOKS[asked]
        if scope is None:
            return {"status": "ok"}
        self._key(headers, scope)
        if scope == "user":
            model = {"id": "tunewell", "object": "model", "owned_by": "tunewell"}
            return {"object": "list", "data": [model]}
        return self._counts()

    def _counts(self) -> dict[str, Any]:
        return {
            **asdict(self.spool.counts),
            "turned_away": self.turned_away,
            "in_flight": self._in_flight,
            "shadows": self._shadows,
            "off": self.state.off,
            "experiment": self._experiment(),
        }

    def _experiment(self) -> dict[str, Any] | None:
        """The test that draws now, and the last step that was opened."""
        running = self.state.experiment
        if running is None or not running.applies_to(self.settings):
            return None
        return {
            "name": running.design.name,
            "step": running.step,
            "stopped": running.stopped,
        }

    def _key(self, headers: Headers, scope: KeyScope) -> GatewayKey:
        """The key that was sent.

        Raises:
            TurnedAwayError: There is none, it is not in force, or it is for something else.
        """
        sent = headers.get(b"authorization", b"").decode("latin-1")
        secret = sent[7:].strip() if sent[:7].lower() == "bearer " else ""
        key = self.state.key(secret) if secret else None
        if key is None:
            raise TurnedAwayError(401, "this API key is not valid", code="invalid_api_key")
        if scope not in key.scopes:
            raise TurnedAwayError(
                403, f"this API key does not have the scope {scope}", code="wrong_scope"
            )
        return key

    async def _exchange(
        self, endpoint: str, headers: Headers, receive: Receive, send: Send
    ) -> None:
        key = self._key(headers, "user")
        self._check_limits(key)
        body = json_object(await read_body(receive, self._body_bytes))
        asker = asker_of(body, headers, self._hasher)
        exchange = Exchange(
            id=new_id(),
            endpoint=endpoint,
            body=body,
            asker=asker,
            key=key.name,
            prompt_version=prompt_version(body, headers),
            drawn=self._draw.place(asker, self.state.experiment),
        )
        self.spool.opened(exchange.id, exchange.opening())
        self._in_flight += 1
        try:
            await self._serve(exchange, receive, send)
        finally:
            self._in_flight -= 1
        if self.settings.shadow:
            self._copy_to_shadow(exchange)

    def _check_limits(self, key: GatewayKey) -> None:
        wait_s = self._limit.wait_s(key.name)
        if wait_s:
            raise _come_again(wait_s, "this key has reached its rate limit")
        if self._in_flight >= self.settings.limits.in_flight:
            raise _come_again(1.0, "too many requests in progress")

    async def _serve(self, exchange: Exchange, receive: Receive, send: Send) -> None:
        """Pass one request on, and its answer back."""
        server = None
        try:
            server = await self._first_answer(exchange)
            if server is None:
                await self._say_no_server(exchange, send)
                return
            await self._pass_on(exchange, server, receive, send)
        except asyncio.CancelledError:
            self._close(exchange, "cut")
            raise
        except BaseException:
            self._close(exchange, "failed")
            raise
        finally:
            if server is not None:
                server.close()

    async def _first_answer(self, exchange: Exchange) -> aiohttp.ClientResponse | None:
        """The answer of the drawn arm, or of the fallback where that one fails at once."""
        arms = [self.settings.fallback if self._is_off() else exchange.assigned]
        if self.settings.fallback and self.settings.fallback not in arms:
            arms.append(self.settings.fallback)
        for name in arms:
            is_last = name == arms[-1]
            found = await self._try_arm(exchange, name)
            if found is None:
                continue
            if found.status in SERVERS_FAULTS and not is_last:
                exchange.error = f"{name} answered with {found.status}"
                found.close()
                continue
            return found
        return None

    def _is_off(self) -> bool:
        return self.state.off and bool(self.settings.fallback)

    async def _try_arm(self, exchange: Exchange, name: str) -> aiohttp.ClientResponse | None:
        arm = self.settings.arm(name)
        version = self.state.versions.get(arm.place, "") if arm.place else ""
        model = version or arm.model
        exchange.served, exchange.version, exchange.arm = name, model, arm
        if not model:
            exchange.error = f"nothing is released in {arm.place}"
            return None
        try:
            return await self._upstream.send(
                arm.server, exchange.endpoint, {**exchange.body, "model": model}
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            exchange.error = f"{name}: {type(error).__name__}"
            return None

    async def _say_no_server(self, exchange: Exchange, send: Send) -> None:
        exchange.status = 502
        receipt = self._close(exchange, "server_gone")
        await _wait_for(receipt)
        said = TurnedAwayError(
            502,
            "the model server cannot be reached",
            code="upstream_unreachable",
            headers=[_id_header(exchange)],
        )
        await answer_error(send, said)

    async def _pass_on(
        self,
        exchange: Exchange,
        server: aiohttp.ClientResponse,
        receive: Receive,
        send: Send,
    ) -> None:
        exchange.status = server.status
        headers = [*passed_headers(server), _id_header(exchange)]
        gone = asyncio.get_running_loop().create_task(_watch(receive, server))
        ended: Ended = "answered" if server.status < 400 else "failed"
        held = b""
        try:
            await start(send, server.status, headers)
            async for part in server.content.iter_any():
                exchange.add(part)
                now, held = _hold_back(held + part, exchange)
                if now:
                    await piece(send, now)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            ended = "client_gone" if gone.done() else "server_gone"
            exchange.error = "" if gone.done() else type(error).__name__
        finally:
            went_away = gone.done()
            gone.cancel()
        receipt = self._close(exchange, "client_gone" if went_away else ended)
        if went_away:
            return
        await _wait_for(receipt)
        if ended == "server_gone":
            # The transfer is not ended in order: the client sees that the answer was cut, as it
            # would without the gateway.
            return
        await piece(send, held, more=False)

    def _close(self, exchange: Exchange, ended: Ended) -> SpoolReceipt:
        exchange.end()
        exchange.ended = ended
        return self.spool.closed(exchange.id, exchange.record)

    # --- shadow -----------------------------------------------------------------------------------

    def _copy_to_shadow(self, exchange: Exchange) -> None:
        """Send a copy of the request to the shadow, whose answer nobody waits for."""
        if self._shadows >= MOST_SHADOWS or exchange.served == self.settings.shadow:
            return
        copy = Exchange(
            id=new_id(),
            endpoint=exchange.endpoint,
            body={**exchange.body, "stream": False},
            asker=exchange.asker,
            key=exchange.key,
            prompt_version=exchange.prompt_version,
            drawn=Placed(self.settings.shadow),
            shadow_of=exchange.id,
        )
        copy.body.pop("stream_options", None)
        self.spool.opened(copy.id, copy.opening())
        self._keep_running(self._ask_shadow(copy))

    async def _ask_shadow(self, copy: Exchange) -> None:
        self._shadows += 1
        ended: Ended = "cut"
        try:
            server = await self._try_arm(copy, self.settings.shadow)
            ended = "server_gone"
            if server is not None:
                copy.status = server.status
                async for part in server.content.iter_any():
                    copy.add(part)
                ended = "answered" if server.status < 400 else "failed"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            copy.error = type(error).__name__
        finally:
            self._shadows -= 1
            self._close(copy, ended)

    # --- feedback ---------------------------------------------------------------------------------

    async def _take_feedback(
        self,
        headers: Headers,
        receive: Receive,
        send: Send,
    ) -> None:
        self._key(headers, "feedback")
        body = json_object(await read_body(receive, FEEDBACK_BYTES))
        sent_key = headers.get(b"idempotency-key", b"").decode("latin-1").strip()
        try:
            said = read_feedback_request(
                body, key=sent_key, hasher=self._hasher, now=dt.datetime.now(dt.UTC)
            )
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "body"
            raise TurnedAwayError(400, f"{place}: {first['msg']}", code="bad_feedback") from None
        receipt = self.spool.feedback(said.model_dump(mode="json"))
        async with asyncio.timeout(FEEDBACK_WAIT_S):
            kept = await receipt.synced
        if not kept:
            raise TurnedAwayError(
                503,
                "feedback cannot be recorded at the moment",
                code="spool_unavailable",
                headers=[(b"retry-after", b"5")],
            )
        await answer(send, 202, {"key": said.key, "interaction": said.interaction})


def _hold_back(part: bytes, exchange: Exchange) -> tuple[bytes, bytes]:
    """What is passed on now, and what waits for the record: the last piece of the answer."""
    if not exchange.stream or exchange.status != 200:
        # Its end is told by the end of the transfer, which waits.
        return part, b""
    at = part.find(LAST_MARKS[exchange.endpoint])
    return (part, b"") if at < 0 else (part[:at], part[at:])


async def _watch(receive: Receive, server: aiohttp.ClientResponse) -> None:
    """Stop the server's answer when the client goes away."""
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            server.close()
            return


async def _wait_for(receipt: SpoolReceipt) -> None:
    """Wait until a kill cannot lose the record, and a little longer for the disk."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(WRITTEN_WAIT_S):
            await receipt.written
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SYNCED_WAIT_S):
            await receipt.synced


def _id_header(exchange: Exchange) -> Header:
    return (b"x-tunewell-id", exchange.id.encode())


def _come_again(wait_s: float, why: str) -> TurnedAwayError:
    seconds = str(max(1, round(wait_s))).encode()
    return TurnedAwayError(
        429, why, code="rate_limit_exceeded", headers=[(b"retry-after", seconds)]
    )
