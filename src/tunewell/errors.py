"""Every error that Tunewell raises on purpose.

```
TunewellError
├── UserError                what the user can fix: message, place, hint; no traceback, exit 1
│   ├── TaskError            tunewell.yaml is not valid (all faults together, with line numbers)
│   ├── DataError            the data cannot be used at all (a bad row is a recorded reject instead)
│   ├── ModelError           weights not found, an endpoint that refuses, a wrong adapter
│   ├── StoreError           the project folder: held by another process, read-only, full, damaged
│   └── MissingExtraError    an optional part of Tunewell is not installed
└── InternalError            a fault in Tunewell: exit 70, and where the report of it was written
```

Exit codes: 0 GO or done · 1 user error · 2 misuse of the command line · 3 NO-GO · 4 INCONCLUSIVE
· 70 internal error · 130 interrupt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

EXIT_OK: Final = 0
EXIT_USER: Final = 1
EXIT_MISUSE: Final = 2
EXIT_NO_GO: Final = 3
EXIT_INCONCLUSIVE: Final = 4
EXIT_INTERNAL: Final = 70
EXIT_INTERRUPT: Final = 130


class TunewellError(Exception):
    """Root of the tree."""


class UserError(TunewellError):
    """Something that the user can fix.

    Args:
        message: Names the value and the rule that it breaks.
        place: Where, as ``file:line`` for data and configuration.
        hint: What to do about it, where possible as a command to type.

    Example:
        >>> print(UserError("The 'folds' of split must be an int >= 2. Got 1 instead.",
        ...                 place="tunewell.yaml:31", hint="set split.folds to 5"))
        tunewell.yaml:31: The 'folds' of split must be an int >= 2. Got 1 instead.
        <BLANKLINE>
        hint: set split.folds to 5
    """

    def __init__(self, message: str, *, place: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.place}: {self.message}" if self.place else self.message
        if self.hint:
            text += f"\n\nhint: {self.hint}"
        return text


class TaskError(UserError):
    """The definition of the task is not valid.

    Args:
        faults: Every fault found, as (place, message).
        hint: What to do about them.
    """

    def __init__(self, faults: Sequence[tuple[str, str]], *, hint: str = "") -> None:
        self.faults = tuple(faults)
        lines = [f"{place}: {message}" for place, message in self.faults]
        count = f"{len(lines)} faults:\n  " if len(lines) > 1 else ""
        super().__init__(count + "\n  ".join(lines), hint=hint)


class DataError(UserError):
    """The data cannot be used at all."""


class ModelError(UserError):
    """Weights, an endpoint or an adapter that cannot be used."""


class StoreError(UserError):
    """The project folder cannot be used: held, read-only, full or damaged."""


class MissingExtraError(UserError):
    """An optional part of Tunewell is needed and not installed.

    Args:
        extra: The name of the extra, such as ``train``.
        needed_for: What asked for it.
    """

    def __init__(self, extra: str, *, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs the optional part '{extra}', which is not installed.",
            hint=f"pip install 'tunewell[{extra}]'",
        )


class InternalError(TunewellError):
    """A fault in Tunewell itself."""
