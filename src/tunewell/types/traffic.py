"""What a model was asked in use, what it answered, and what came of it."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final, Literal

from pydantic import Field

from tunewell.types.values import Value

Recorded = Literal["recorded", "unconfirmed"]
"""``unconfirmed``: the request was taken on, and the gateway was killed before its record was."""

Ended = Literal["answered", "failed", "client_gone", "server_gone", "cut"]
"""How an exchange ended.

``answered``: the server said all of it. ``failed``: it answered with an error. ``client_gone``:
whoever asked went away in the middle. ``server_gone``: the server did. ``cut``: the gateway was
stopped.
"""

FeedbackKind = Literal["rating", "thumb", "correction", "event"]

KINDS_OF_FEEDBACK: Final[tuple[FeedbackKind, ...]] = ("rating", "thumb", "correction", "event")


class Interaction(Value):
    """One request that was served. Its texts are masked before they are kept.

    Attributes:
        id: UUID version 7, our own: ids of servers repeat.
        at: When the request came, UTC.
        conversation: Digest that is equal for all requests of a conversation.
        conversation_given: Whether the client named the conversation; otherwise it is told by its
            first turns and the user.
        user: Digest of the user's id; empty where the client named none.
        key: Name of the gateway's key that was used.
        assigned: The arm that the unit was drawn to. Analyses go by this.
        served: The arm that answered.
        experiment: The test on traffic that drew it; empty outside of one.
        step: The step of its ramp that let the unit in.
        shadow_of: Of a shadow's answer: the interaction whose request was copied.
        version: Of the model that answered, as it is released or named.
        prompt_version: As the client named it.
        endpoint: ``chat`` or ``responses``.
        request: The body as it was sent, without the user's id.
        response: The answer's text.
        reasoning: What the model thought aloud, where the server says.
        tool_calls: As the server wrote them.
        finish: The server's reason for the end of the answer: ``stop``, ``length`` …
        ended: How the exchange ended.
        status: HTTP status that the client saw.
        error: What went wrong; empty if nothing did.
        stream: Whether the answer was sent in pieces.
        prompt_tokens: As the server counts them; None where it does not.
        answer_tokens: Likewise.
        first_token_s: From the request to the first piece of the answer.
        total_s: From the request to the end of the answer.
        cost: By the arm's prices; None where they or the tokens are unknown.
        server_id: The server's own id of the answer.
        state: Whether it was recorded whole.
        source: What recorded it: ``gateway``, or the format that it was imported from.
    """

    id: str
    at: dt.datetime
    conversation: str = ""
    conversation_given: bool = False
    user: str = ""
    key: str = ""
    assigned: str = ""
    served: str = ""
    experiment: str = ""
    step: int = 0
    shadow_of: str = ""
    version: str = ""
    prompt_version: str = ""
    endpoint: str = "chat"
    request: dict[str, Any] = Field(default_factory=dict)
    response: str = ""
    reasoning: str = ""
    tool_calls: tuple[dict[str, Any], ...] = ()
    finish: str = ""
    ended: Ended = "answered"
    status: int = 200
    error: str = ""
    stream: bool = False
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    first_token_s: float | None = None
    total_s: float | None = None
    cost: float | None = None
    server_id: str = ""
    state: Recorded = "recorded"
    source: str = "gateway"


class Feedback(Value):
    """What came of an interaction.

    Attributes:
        key: The sender's own mark of it: the same key again changes nothing.
        interaction: What it is about; it may come before that was recorded.
        kind: ``rating`` and ``thumb`` have a value, ``correction`` a text, ``event`` a name.
        name: Of a rating's scale, or of what happened: ``escalated``, ``solved``, ``contacted``.
        value: A number; for a thumb 1 or 0.
        text: The corrected answer, or a comment; masked before it is kept.
        author: Digest of who said it; empty if nobody was named.
        at: When it happened, UTC.
        received: When it came, UTC.
        source: What recorded it.
    """

    key: str
    interaction: str
    kind: FeedbackKind
    name: str = ""
    value: float | None = None
    text: str = ""
    author: str = ""
    at: dt.datetime
    received: dt.datetime
    source: str = "gateway"
