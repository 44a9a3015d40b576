"""How many of what, in English."""

from __future__ import annotations


def plural(count: int, noun: str, many: str = "") -> str:
    """A count with its noun, singular or plural.

    Args:
        count: How many.
        noun: For one.
        many: For any other number; the noun with an s if empty.

    Example:
        >>> plural(1, "row"), plural(1200, "row"), plural(0, "reply", "replies")
        ('1 row', '1,200 rows', '0 replies')
    """
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"
