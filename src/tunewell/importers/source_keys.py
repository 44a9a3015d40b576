"""Every key of a configuration that is imported, and what became of it: none is ignored silently.

A reader takes keys one by one and says where each went. What nobody took is listed too, with the
reason where it is known: at the end each leaf of the configuration has a line.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from tunewell.safe_text import shown
from tunewell.types import Value

Fate = Literal["carried over", "changed", "not carried over"]
Reasons = Mapping[str, str]
"""Pattern of keys (``wandb_*``) to why such a key has no place in a project."""

UNKNOWN: Final = "Tunewell does not know this key"
EMPTY: Final = "it is empty in your file"
_LONGEST: Final = 80
_MISSING: Final = object()
NOTHING: Final[tuple[Any, ...]] = (None, "", [], {})
"""Values that say nothing."""


class ImportLine(Value):
    """What became of one key.

    Attributes:
        key: Where it stands in the source, dotted, after the file's name if there are several.
        value: What stood there, cut where it is long.
        fate: ``carried over`` (it means the same here), ``changed`` (it means nearly the same, and
            `why` says what differs) or ``not carried over``.
        to: The key of tunewell.yaml that holds it now.
        why: What changed, or why it has no place.
    """

    key: str
    value: str
    fate: Fate
    to: str = ""
    why: str = ""


@dataclass
class SourceKeys:
    """A configuration whose keys are accounted for.

    Attributes:
        values: The configuration.
        name: Of its file, before every key; empty where there is one file only.
        lines: What became of the keys that were taken.
    """

    values: Mapping[str, Any]
    name: str = ""
    lines: list[ImportLine] = field(default_factory=list)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a dotted key; nothing is noted."""
        found = _at(self.values, key)
        return default if found is _MISSING else found

    def has(self, key: str) -> bool:
        """Whether the key is there and not empty."""
        return self.get(key) is not None

    def carry(self, key: str, to: str, why: str = "") -> Any:
        """The value of a key that means the same here; None if it is not there."""
        return self._note(key, "carried over", to, why)

    def change(self, key: str, to: str, why: str) -> Any:
        """The value of a key that means nearly the same here; None if it is not there."""
        return self._note(key, "changed", to, why)

    def leave(self, key: str, why: str) -> Any:
        """The value of a key that has no place here; None if it is not there."""
        return self._note(key, "not carried over", "", why)

    def _note(self, key: str, fate: Fate, to: str, why: str) -> Any:
        value = _at(self.values, key)
        if value is _MISSING:
            return None
        if value is None:
            fate, to, why = "not carried over", "", EMPTY
        self.lines.append(
            ImportLine(
                key=self._named(key),
                value=in_short(value),
                fate=fate,
                to=to,
                why=why,
            )
        )
        return value

    def _named(self, key: str) -> str:
        key = shown(key)
        return f"{self.name}: {key}" if self.name else key

    def finish(self, reasons: Reasons) -> list[ImportLine]:
        """The lines of all keys: those that were taken, then those that nobody took.

        Args:
            reasons: Why keys have no place here, by pattern; the first that fits counts.
        """
        noted = {line.key for line in self.lines}
        for key, value in leaves(self.values):
            if not is_covered(self._named(key), noted):
                self.leave(key, EMPTY if value in NOTHING else reason_for(key, reasons))
        return self.lines


def reason_for(key: str, reasons: Reasons) -> str:
    """Why a key has no place here.

    Example:
        >>> reason_for("wandb_project", {"wandb_*": "a tracker of its own"})
        'a tracker of its own'
        >>> reason_for("flux", {})
        'Tunewell does not know this key'
    """
    for pattern, why in reasons.items():
        if fnmatch.fnmatchcase(key, pattern):
            return why
    return UNKNOWN


def is_covered(key: str, noted: Collection[str]) -> bool:
    """Whether a key or a part above it has a line.

    Example:
        >>> is_covered("datasets.0.path", ["datasets.0"]), is_covered("datasets2", ["datasets"])
        (True, False)
    """
    parts = key.split(".")
    return any(".".join(parts[:length]) in noted for length in range(1, len(parts) + 1))


def leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that holds no other, with its dotted key; lists of plain values are one.

    Example:
        >>> list(leaves({"a": {"b": 1}, "c": [1, 2], "d": [{"e": 3}]}))
        [('a.b', 1), ('c', [1, 2]), ('d.0.e', 3)]
    """
    if isinstance(value, Mapping) and value:
        for name, each in value.items():
            yield from leaves(each, f"{prefix}.{name}" if prefix else str(name))
    elif isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        for number, each in enumerate(value):
            yield from leaves(each, f"{prefix}.{number}" if prefix else str(number))
    else:
        yield prefix, value


def in_short(value: Any) -> str:
    """A value in one short line, harmless to look at."""
    text = " ".join(shown(str(value)).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _at(value: Any, key: str) -> Any:
    """What is under a dotted key: keys may hold dots themselves, so the longest name goes first."""
    if not key:
        return value
    if isinstance(value, list):
        head, _, rest = key.partition(".")
        inside = head.isdigit() and int(head) < len(value)
        return _at(value[int(head)], rest) if inside else _MISSING
    if not isinstance(value, Mapping):
        return _MISSING
    parts = key.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in value:
            return _at(value[name], ".".join(parts[length:]))
    return _MISSING
