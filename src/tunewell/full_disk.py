"""A disk without room, however a library says it."""

from __future__ import annotations

import errno
import re
from typing import Final

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

NO_SPACE: Final = "free some space and run again: everything finished before is kept"
"""The hint of every error of this kind."""

_SAID: Final = re.compile(rf"\b(?:os error|errno) (?:{errno.ENOSPC}|{errno.EDQUOT})\b", re.I)
"""How libraries that are not written in Python tell of it, in exceptions of their own."""


def is_full(error: BaseException) -> bool:
    """Whether an error says that there is no room on a disk, whoever raised it.

    Example:
        >>> is_full(OSError(28, "No space left on device")), is_full(OSError(2, "No such file"))
        (True, False)
        >>> is_full(RuntimeError("I/O error: No space left on device (os error 28)"))
        True
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in FULL
    return _SAID.search(str(error)) is not None
