"""The texts in a JSON value, and the value with other texts in their places."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tunewell.json_text import parse_json


def leaves(text: str) -> list[str]:
    r"""The texts in a text: those of its JSON value if it is a list or an object, or itself.

    Example:
        >>> leaves('["a\\nb", {"c": 5}]'), leaves("[a"), leaves("a")
        (['a\nb', 'c'], ['[a'], ['a'])
        >>> leaves('["\\ud800"]')
        ['?']
    """
    value = _value(text)
    return list(_texts(value)) if value is not None else [_encodable(text)]


def with_leaves(text: str, others: Iterator[str]) -> str:
    r"""The text with others in the places of its `leaves`, taken in order.

    A text whose leaves stay the same stays as it is written.

    Example:
        >>> with_leaves('["a\\nb", {"c": 5}]', iter(["x\ny", "z"]))
        '["x\\ny", {"z": 5}]'
    """
    value = _value(text)
    if value is None:
        other = next(others)
        return text if other == _encodable(text) else other
    before = list(_texts(value))
    after = [next(others) for _ in before]
    if before == after:
        return text
    return json.dumps(_replaced(value, iter(after)), ensure_ascii=False)


def _value(text: str) -> Any:
    if text.lstrip()[:1] not in ("[", "{"):
        return None
    try:
        return parse_json(text)
    except ValueError:
        return None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield _encodable(value)
    elif isinstance(value, dict):
        for name, part in value.items():
            yield _encodable(name)
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _replaced(value: Any, others: Iterator[str]) -> Any:
    if isinstance(value, str):
        return next(others)
    if isinstance(value, dict):
        found = {}
        for part in value.values():
            name = next(others)
            found[name] = _replaced(part, others)
        return found
    if isinstance(value, list):
        return [_replaced(part, others) for part in value]
    return value


def _encodable(text: str) -> str:
    """The text without halves of characters, which an escape of JSON can hold and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")
