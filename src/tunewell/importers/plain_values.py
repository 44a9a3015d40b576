"""Values of others as what they should be: something of another kind counts as nothing."""

from __future__ import annotations

from collections.abc import Mapping
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
