"""JSON of others: as `json` reads it, in bounded depth.

Python's own reader ends with a `RecursionError`, which is no `ValueError`, where brackets nest some
hundreds deep; and what it just still reads is too deep for whoever walks through it afterwards.
Both are text that is no JSON here.
"""

from __future__ import annotations

import json
import re
from typing import Any

DEEPEST = 100
"""Brackets within brackets; what people write is some ten deep."""

# Possessive, so that it never goes back; a text that does not end takes the rest.
_TEXT_OR_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"?+|[\[\]{}]', re.DOTALL)


def parse_json(text: str | bytes, **options: Any) -> Any:
    """The value of a JSON text.

    Args:
        text: Of others.
        options: As for `json.loads`.

    Raises:
        ValueError: It is no JSON, or nested more than `DEEPEST` deep.

    Example:
        >>> parse_json('{"a": [1]}')
        {'a': [1]}
        >>> parse_json("[" * 5000)
        Traceback (most recent call last):
        ...
        json.decoder.JSONDecodeError: nested more than 100 deep: line 1 column 101 (char 100)
    """
    whole = text if isinstance(text, str) else text.decode(json.detect_encoding(text))
    _refuse_deep(whole, 0, len(whole))
    return json.loads(whole, **options)


def decode_json(decoder: json.JSONDecoder, text: str) -> Any:
    """As `parse_json`, with a decoder that is made once for many texts.

    Raises:
        ValueError: It is no JSON, or nested more than `DEEPEST` deep.
    """
    _refuse_deep(text, 0, len(text))
    return decoder.decode(text)


def next_json(decoder: json.JSONDecoder, text: str, at: int) -> tuple[Any, int]:
    """The value that begins at a place of a text, and where it ends.

    Raises:
        ValueError: There is none, or it is nested more than `DEEPEST` deep.
    """
    try:
        value, end = decoder.raw_decode(text, at)
    except RecursionError:
        raise json.JSONDecodeError(_TOO_DEEP, text, at) from None
    _refuse_deep(text, at, end)
    return value, end


_TOO_DEEP = f"nested more than {DEEPEST} deep"


def _refuse_deep(text: str, start: int, end: int) -> None:
    brackets = text.count("[", start, end) + text.count("{", start, end)
    if brackets <= DEEPEST:
        return
    depth = 0
    for found in _TEXT_OR_BRACKET.finditer(text, start, end):
        sign = found[0]
        if sign in "[{":
            depth += 1
        elif sign in "]}":
            depth -= 1
        if depth > DEEPEST:
            raise json.JSONDecodeError(_TOO_DEEP, text, found.start())
