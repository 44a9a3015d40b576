"""Regular expressions that tunewell.yaml gives."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

LONGEST_MATCHED = 20_000
"""Patterns see no more characters than this: model output is hostile text."""


def _compiles(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a valid regular expression: {error}") from None
    return value


PatternText = Annotated[str, AfterValidator(_compiles)]
"""A regular expression as text; one that does not compile is a fault of the option."""


def between_slashes(item: str) -> str:
    """The pattern of ``/pattern/``; empty if the item is plain text.

    Example:
        >>> between_slashes("/a+/"), between_slashes("and/or")
        ('a+', '')
    """
    is_pattern = len(item) > 2 and item.startswith("/") and item.endswith("/")
    return item[1:-1] if is_pattern else ""
