"""Personal data in requests and answers is masked before anything is written."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tunewell.checks.personal.masks import mask_row
from tunewell.checks.personal.recogniser import Recogniser, find_all

_PLAIN_WORD = re.compile(r"[A-Za-z_]{1,40}")
"""A field's name, or a word of the protocol: too plain to be anybody's."""

MASKED_FIELDS = (
    "request",
    "response",
    "reasoning",
    "tool_calls",
    "error",
    "prompt_version",
    "finish",
    "server_id",
    "text",
    "name",
)
"""Fields of an interaction or of feedback that others have written; the rest is our own."""

LONG_NUMBER = 1_000_000
"""A number from here on may be one of a telephone, a card or a person."""

Masker = Callable[[dict[str, Any]], dict[str, Any]]
"""Gives a record with the personal data in its texts masked."""


def masker(recogniser: Recogniser | None, *, wanted: bool = True) -> Masker:
    """What masks the texts of a record.

    Args:
        recogniser: Finds names and addresses; None = structured identifiers and secrets only.
        wanted: False: nothing is masked.

    Example:
        >>> masked = masker(None)({"response": "write to jo@okoro.net"})
        >>> masked["response"].startswith("write to [EMAIL_")
        True
    """
    if not wanted:
        return lambda record: record
    return lambda record: _masked(record, recogniser)


def _masked(record: dict[str, Any], recogniser: Recogniser | None) -> dict[str, Any]:
    theirs = {name: record[name] for name in MASKED_FIELDS if record.get(name)}
    return {**record, **_masked_texts(theirs, recogniser)}


def _masked_texts(value: dict[str, Any], recogniser: Recogniser | None) -> Any:
    texts: list[str] = []
    _collect(value, texts)
    if not texts:
        return value
    spans = find_all(texts, recogniser)
    if not any(spans):
        return value
    masked = dict(zip(texts, mask_row(texts, spans), strict=True))
    return _replaced(value, masked)


def _collect(value: Any, texts: list[str]) -> None:
    """Every text of a value, in order; a long number counts as one."""
    if isinstance(value, str):
        if not _PLAIN_WORD.fullmatch(value):
            texts.append(value)
    elif isinstance(value, dict):
        for name, part in value.items():
            _collect(name, texts)
            _collect(part, texts)
    elif isinstance(value, list):
        for part in value:
            _collect(part, texts)
    elif _is_long_number(value):
        texts.append(str(value))


def _replaced(value: Any, masked: dict[str, str]) -> Any:
    if isinstance(value, str):
        return masked.get(value, value)
    if isinstance(value, dict):
        return {masked.get(name, name): _replaced(part, masked) for name, part in value.items()}
    if isinstance(value, list):
        return [_replaced(part, masked) for part in value]
    if _is_long_number(value):
        text = str(value)
        shown = masked.get(text, text)
        return value if shown == text else shown
    return value


def _is_long_number(value: Any) -> bool:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return is_number and abs(value) >= LONG_NUMBER
