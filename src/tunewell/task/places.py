"""Where a value of the definition came from: a line of the file, a variable, a flag."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Places:
    """The place of every value that was given.

    Attributes:
        file: Name of the file.
        lines: Line of each of its keys, by dotted path (``data.0.path``).
        origins: For values from elsewhere: ``environment NAME`` or ``flag --set NAME``.
    """

    file: str
    lines: Mapping[str, int]
    origins: Mapping[str, str]

    def exactly(self, name: str) -> str | None:
        """Where the value of a dotted path was given; None if it was not given itself."""
        if name in self.origins:
            return self.origins[name]
        if name in self.lines:
            return f"{self.file}:{self.lines[name]}"
        return None

    def nearest(self, name: str) -> str | None:
        """The same of the value, or of the nearest part above it that was given.

        Example:
            >>> places = Places("tunewell.yaml", {"rules": 4, "rules.max_age": 7}, {})
            >>> places.nearest("rules.max_age.days"), places.nearest("rules.words.max_input")
            ('tunewell.yaml:7', 'tunewell.yaml:4')
        """
        for part in _itself_and_above(name):
            place = self.exactly(part)
            if place is not None:
                return place
        return None


def _itself_and_above(name: str) -> Iterator[str]:
    """``a.b.c``, ``a.b``, ``a``."""
    while name:
        yield name
        name = name.rpartition(".")[0]
