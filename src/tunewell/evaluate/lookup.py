"""Rows by id, metrics by name, and what a mask picks out."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import compress
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from tunewell.model.base import TargetScore
from tunewell.types import Example

T = TypeVar("T")


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


class _Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=_Named)


def ids_of(things: Iterable[_Identified]) -> list[str]:
    """The id of each row, or of whatever has one, in order."""
    return [thing.id for thing in things]


def present(items: Iterable[T | None]) -> list[T]:
    """The items that are there, in order.

    Example:
        >>> present([1, None, 0])
        [1, 0]
    """
    return [item for item in items if item is not None]


def groups_of(rows: Iterable[Example]) -> list[str]:
    """The family of each row as far as the rows say: its group, else itself."""
    return [row.group or row.id for row in rows]


def by_name(things: Iterable[N]) -> dict[str, N]:
    """Metrics, or whatever has a name, by their name.

    Example:
        >>> from tunewell.types import MetricInfo
        >>> list(by_name([MetricInfo(name="label", title="label")]))
        ['label']
    """
    return {thing.name: thing for thing in things}


def picked(items: Iterable[T], mask: NDArray[np.bool_]) -> list[T]:
    """The items at which a mask is True, in order.

    Example:
        >>> picked("abc", np.array([True, False, True]))
        ['a', 'c']
    """
    return list(compress(items, mask))


def nats_per_token(score: TargetScore, *, otherwise: float) -> float:
    """How improbable an answer is to a model; ``otherwise`` where it could not be scored."""
    if not score.tokens:
        return otherwise
    return score.nats / score.tokens
