"""How many rows may show a pitfall before it blocks: of a file alone, and of a project's data."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

LIMITS: Final[Mapping[str, float]] = MappingProxyType(
    {"D11": 0.0, "D07": 0.0, "D08": 0.01, "D09": 0.01, "D03": 0.05, "D04": 0.05}
)
"""Share of the rows above which a pitfall blocks."""


def blocks(code: str, rows: int, *, of: int) -> bool:
    """Whether so many rows are too many.

    Example:
        >>> blocks("D09", 2, of=100), blocks("D09", 1, of=100), blocks("D05", 50, of=100)
        (True, False, False)
    """
    limit = LIMITS.get(code)
    return limit is not None and of > 0 and rows / of > limit
