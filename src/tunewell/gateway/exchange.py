"""One request on its way through: what is known of it, and the record that is made of it."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass, field
from typing import Any

from tunewell.gateway.asked import kept_request
from tunewell.gateway.draw import Asker, Placed
from tunewell.gateway.replies import Reply, read_reply
from tunewell.task import ArmSpec
from tunewell.types import Ended

KEPT_BYTES = 4 * 2**20
"""Of an answer; what is longer is passed on whole and recorded up to here."""

MILLION = 1_000_000


@dataclass
class Exchange:
    """One request and what comes of it.

    Attributes:
        id: Of the interaction.
        endpoint: ``chat`` or ``responses``.
        body: The request.
        asker: Who asks.
        key: Name of the key.
        prompt_version: As the client named it.
        drawn: Where the unit was drawn to.
        shadow_of: Of a shadow's: the interaction that was copied.
        served: Arm that answers.
        version: Of its model.
        began: Monotonic seconds at which the request came.
        at: The same moment by the clock, UTC.
        status: HTTP status of the answer.
        ended: How it ended.
        error: What went wrong.
        first_s: Seconds to the first piece.
        total_s: Seconds to the end.
        pieces: Of the answer, up to `KEPT_BYTES`.
    """

    id: str
    endpoint: str
    body: dict[str, Any]
    asker: Asker
    key: str
    prompt_version: str
    drawn: Placed
    shadow_of: str = ""
    served: str = ""
    version: str = ""
    arm: ArmSpec | None = None
    began: float = field(default_factory=time.perf_counter)
    at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    status: int = 0
    ended: Ended = "answered"
    error: str = ""
    first_s: float | None = None
    total_s: float | None = None
    pieces: list[bytes] = field(default_factory=list)
    kept_bytes: int = 0

    @property
    def assigned(self) -> str:
        """Arm that the unit was drawn to."""
        return self.drawn.arm

    @property
    def stream(self) -> bool:
        """Whether the client asked for an answer in pieces."""
        return self.body.get("stream") is True

    def add(self, piece: bytes) -> None:
        """A piece of the answer came."""
        if self.first_s is None:
            self.first_s = time.perf_counter() - self.began
        if self.kept_bytes < KEPT_BYTES:
            self.pieces.append(piece)
            self.kept_bytes += len(piece)

    def end(self) -> None:
        """The answer is over."""
        if self.total_s is None:
            self.total_s = time.perf_counter() - self.began

    def opening(self) -> dict[str, Any]:
        """What is known before there is an answer."""
        return {
            "id": self.id,
            "at": self.at.isoformat(),
            "conversation": self.asker.conversation,
            "conversation_given": self.asker.conversation_given,
            "user": self.asker.user,
            "key": self.key,
            "assigned": self.drawn.arm,
            "experiment": self.drawn.experiment,
            "step": self.drawn.step,
            "shadow_of": self.shadow_of,
            "endpoint": self.endpoint,
            "stream": self.stream,
        }

    def record(self) -> dict[str, Any]:
        """The interaction, not masked yet."""
        streamed = self.stream and self.status == 200
        body = b"".join(self.pieces)
        reply = read_reply(body, endpoint=self.endpoint, stream=streamed) if body else Reply()
        return {
            **self.opening(),
            "served": self.served,
            "version": self.version,
            "prompt_version": self.prompt_version,
            "request": kept_request(self.body),
            "response": reply.text,
            "reasoning": reply.reasoning,
            "tool_calls": reply.tool_calls,
            "finish": reply.finish,
            "ended": self.ended,
            "status": self.status,
            "error": self.error or self._said_error(reply),
            "prompt_tokens": reply.prompt_tokens,
            "answer_tokens": reply.answer_tokens,
            "first_token_s": self.first_s,
            "total_s": self.total_s,
            "cost": self._cost(reply),
            "server_id": reply.server_id,
        }

    def _said_error(self, reply: Reply) -> str:
        if reply.error:
            return reply.error
        return f"{reply.unread} pieces of the answer could not be read" if reply.unread else ""

    def _cost(self, reply: Reply) -> float | None:
        arm = self.arm
        if arm is None or arm.input_price is None or arm.output_price is None:
            return None
        if reply.prompt_tokens is None or reply.answer_tokens is None:
            return None
        paid = reply.prompt_tokens * arm.input_price + reply.answer_tokens * arm.output_price
        return paid / MILLION
