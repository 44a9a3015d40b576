"""Things in groups, in the order in which they come."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


def grouped(things: Iterable[T], by: Callable[[T], K]) -> dict[K, list[T]]:
    """Things by what they have in common.

    Example:
        >>> grouped(["pay", "bill", "now"], by=len)
        {3: ['pay', 'now'], 4: ['bill']}
    """
    groups: dict[K, list[T]] = {}
    for thing in things:
        groups.setdefault(by(thing), []).append(thing)
    return groups
