"""How counts and slices are written."""

from __future__ import annotations


def counted(count: int, one: str, many: str = "") -> str:
    """A count with its noun.

    Example:
        >>> counted(1, "test row"), counted(1200, "test row"), counted(2, "matrix", "matrices")
        ('1 test row', '1,200 test rows', '2 matrices')
    """
    if count == 1:
        return f"1 {one}"
    return f"{count:,} {many or one + 's'}"


def on_slice(name: str) -> str:
    """Where a figure holds: nothing for all rows.

    Example:
        >>> on_slice("region=north"), on_slice("")
        (' on region=north', '')
    """
    return f" on {name}" if name else ""
