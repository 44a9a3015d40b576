"""How many of what, and what share, in English."""

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


def per_cent(share: float, digits: int = 0, *, signed: bool = False) -> str:
    """A share as people read it.

    Args:
        share: Usually 0 to 1; may be negative.
        digits: After the point.
        signed: Whether a plus is written.

    Example:
        >>> per_cent(0.976), per_cent(0.0042, 1), per_cent(0.05, signed=True)
        ('98 %', '0.4 %', '+5 %')
    """
    text = f"{100 * share:+.{digits}f}" if signed else f"{100 * share:.{digits}f}"
    return f"{text} %"
