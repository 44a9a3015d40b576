"""Who asks what: read from a request's body and headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from tunewell.gateway.draw import Asker, Hasher

USER_HEADER = b"x-tunewell-user"
CONVERSATION_HEADER = b"x-tunewell-conversation"
PROMPT_HEADER = b"x-tunewell-prompt-version"
PERSONAL_FIELDS = ("user", "safety_identifier", "prompt_cache_key")
"""Fields of OpenAI's protocol that name a user; they are not kept."""

Headers = Mapping[bytes, bytes]


def asker_of(body: Mapping[str, Any], headers: Headers, hasher: Hasher) -> Asker:
    """Whose request it is, and of which conversation.

    The user is the header ``X-Tunewell-User``, else ``user`` or ``safety_identifier``. The
    conversation is the header ``X-Tunewell-Conversation``, else ``metadata.conversation_id`` or
    ``conversation``, else whatever begins with the same turns and comes from the same user.
    """
    user = _header(headers, USER_HEADER)
    for name in PERSONAL_FIELDS[:2]:
        user = user or _text(body.get(name))
    digest = hasher.user(user)

    conversation = _header(headers, CONVERSATION_HEADER) or _named_conversation(body)
    if conversation:
        return Asker(digest, hasher.digest("conversation", conversation), True)
    return Asker(digest, hasher.digest("opening", f"{digest} {_opening(body)}"), False)


def prompt_version(body: Mapping[str, Any], headers: Headers) -> str:
    """The version of the prompt: the header, or ``metadata.prompt_version``."""
    metadata = body.get("metadata")
    named = _text(metadata.get("prompt_version")) if isinstance(metadata, dict) else ""
    return (_header(headers, PROMPT_HEADER) or named)[:128]


def kept_request(body: Mapping[str, Any]) -> dict[str, Any]:
    """The request as it is recorded: without what names the user."""
    kept = {name: value for name, value in body.items() if name not in PERSONAL_FIELDS}
    metadata = kept.get("metadata")
    if isinstance(metadata, dict):
        kept["metadata"] = {
            name: value for name, value in metadata.items() if not name.startswith("user")
        }
    return kept


def _named_conversation(body: Mapping[str, Any]) -> str:
    metadata = body.get("metadata")
    if isinstance(metadata, dict):
        named = _text(metadata.get("conversation_id"))
        if named:
            return named
    conversation = body.get("conversation")
    if isinstance(conversation, dict):
        return _text(conversation.get("id"))
    return _text(conversation) or _text(body.get("previous_response_id"))


def _opening(body: Mapping[str, Any]) -> str:
    """The turns up to the user's first: equal for all requests of a conversation."""
    turns = body.get("messages", body.get("input"))
    if not isinstance(turns, list):
        return str(turns)
    opening = []
    for turn in turns:
        opening.append(turn)
        if isinstance(turn, dict) and turn.get("role") == "user":
            break
    return orjson.dumps(opening, option=orjson.OPT_SORT_KEYS).decode()


def _header(headers: Headers, name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1").strip()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
