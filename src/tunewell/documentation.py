"""Where a page of the documentation is: in the installed package, else in the checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).parent


def reference(page: str) -> str:
    """A page of the reference, as a path that can be opened.

    Args:
        page: Its file name, such as ``metrics.md``.

    Example:
        >>> Path(reference("metrics.md")).is_file()
        True
    """
    packed = _PACKAGE / "docs" / "reference" / page
    if packed.is_file():
        return str(packed)
    checkout = _PACKAGE.parents[1] / "docs" / "reference" / page
    return str(checkout) if checkout.is_file() else f"docs/reference/{page}"
