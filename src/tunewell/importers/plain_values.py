"""Values of others as what they should be: something of another kind counts as nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one.

    Example:
        >>> mapping({"a": 1}), mapping([1])
        ({'a': 1}, {})
    """
    return value if isinstance(value, Mapping) else {}


def listed(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one.

    Example:
        >>> listed([1]), listed("a")
        ([1], [])
    """
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """The value if it is text, else nothing.

    Example:
        >>> text("a"), text(5)
        ('a', '')
    """
    return value if isinstance(value, str) else ""


def mappings(value: Any) -> list[tuple[int, Mapping[str, Any]]]:
    """The mappings of a list, each with its place in it.

    Example:
        >>> mappings([{"a": 1}, "b", {}])
        [(0, {'a': 1}), (2, {})]
    """
    return [pair for pair in enumerate(listed(value)) if isinstance(pair[1], Mapping)]


def first_text(value: Any, names: Iterable[str]) -> str:
    """The first of several keys of a mapping that holds text; empty if none does.

    Example:
        >>> first_text({"b": "x", "c": "y"}, ["a", "b", "c"])
        'x'
    """
    found = (text(mapping(value).get(name)) for name in names)
    return next(filter(None, found), "")
