"""The columns of a record, and which of them were used for what."""

from __future__ import annotations

import ast
import functools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tunewell.json_text import parse_json

OPENINGS = ("[", "{")
"""How a list or an object begins that stands as text in a cell."""

_TWICE = ('"[', '"{', '"\\"[', '"\\"{')
_BETWEEN = re.compile(r"\}\s+\{")
"""How NumPy parts the objects of a list where it writes it as text."""

_MOST_LITERAL = 1 << 20
"""Characters of a Python literal in a cell; a longer one is not looked into."""


class Misfit(ValueError):
    """A record that cannot become a row.

    Args:
        why: The rule that it breaks.
        hint: What to do about it.
    """

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.hint = hint


class AmbiguousColumns(Misfit):
    """Two columns could both be the answer: nobody but the user can say which it is."""


def has_value(value: Any) -> bool:
    """Whether something stands there.

    Example:
        >>> [has_value(value) for value in ("a", 0, False, " ", [], None, float("nan"))]
        [True, True, True, False, False, False, False]
    """
    if value is None:
        return False
    if isinstance(value, str):
        return value != "" and not value.isspace()
    if isinstance(value, float):
        return not math.isnan(value)
    if isinstance(value, list | dict | tuple):
        return len(value) > 0
    return True


def structure(value: Any) -> Any:
    """A list or object that stands as text in a cell, as JSON or as Python; else the value.

    Example:
        >>> structure('[{"a": null}]'), structure("[{'a': None}]"), structure("[note]")
        ([{'a': None}], [{'a': None}], '[note]')
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text.startswith(OPENINGS):
        return _of_twice(text) if text.startswith(_TWICE) else value
    try:
        return parse_json(text)
    except ValueError:
        pass
    if len(text) > _MOST_LITERAL:
        return value
    found = _literal(text)
    if found is None and _BETWEEN.search(text):
        found = _literal(_BETWEEN.sub("}, {", text))
    return value if found is None else found


def _of_twice(text: str) -> Any:
    """A list or object that was dumped as JSON twice; else the text."""
    try:
        inner = parse_json(text)
    except ValueError:
        return text
    found = structure(inner)
    return text if isinstance(found, str) else found


def _literal(text: str) -> Any:
    """A literal of Python, or None."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None


@functools.lru_cache(maxsize=4096)
def plain_key(name: Any) -> str:
    """A key as it is compared.

    Example:
        >>> plain_key(" System Prompt"), plain_key("inputText")
        ('system_prompt', 'inputtext')
    """
    return str(name).strip().lower().replace(" ", "_").replace("-", "_")


class Columns(Mapping[str, Any]):
    """A record, and for each column what it was used for.

    Names are found whatever their case: ``Question`` is a ``question``.

    Args:
        values: The user's columns.
        tags: Columns that the user wants kept as tags: they are nothing else.
        opened: Columns whose own keys stand among the columns: nothing is lost with them.
    """

    def __init__(
        self,
        values: Mapping[Any, Any],
        tags: Iterable[str] = (),
        opened: Iterable[str] = (),
    ) -> None:
        self.opened = frozenset(opened)
        self.values_by_name = {str(name): value for name, value in values.items()}
        self.used: dict[str, str] = {}
        self._names: dict[str, str] = {}
        kept = set(tags)
        for name in self.values_by_name:
            if name not in kept:
                self._names.setdefault(plain_key(name), name)

    def __getitem__(self, name: str) -> Any:
        return self.values_by_name[self.name_of(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def __contains__(self, name: object) -> bool:
        return name in self.values_by_name or name in self._names

    def name_of(self, name: str) -> str:
        """How the user writes the name of a column."""
        if name in self.values_by_name:
            return name
        return self._names.get(name, name)

    def is_free(self, name: str) -> bool:
        """Whether there is such a column, and it holds something that was not used yet."""
        own = self._own(name)
        return own is not None and self._is_open(own)

    def _own(self, name: str) -> str | None:
        """The user's name of a column that is no tag; None if there is none."""
        own = self._names.get(name)
        if own is not None or name not in self.values_by_name:
            return own
        plain = self._names.get(plain_key(name))
        return name if plain == name else None

    def _is_open(self, own: str) -> bool:
        return own not in self.used and has_value(self.values_by_name[own])

    def use(self, name: str, use: str) -> Any:
        """The value of a column, which is now used for this."""
        own = self.name_of(name)
        self.used.setdefault(own, use)
        return self.values_by_name[own]

    def free(self, names: Iterable[str]) -> list[str]:
        """Those of these columns that hold something and were not used yet, in this order."""
        known = self._names
        there = [name for name in names if name in known or name in self.values_by_name]
        return [name for name in there if self.is_free(name)]

    def first(self, names: Iterable[str]) -> str | None:
        """The first of these columns that holds something; without one, the first there is."""
        there = self._names
        wanted = [name for name in names if name in there and there[name] not in self.used]
        holding = self.free(wanted)
        return next(iter(holding or wanted), None)

    def take(self, names: Iterable[str], use: str) -> Any:
        """The value of the first of these columns that holds something; None without one."""
        for name in self.free(names):
            return self.use(name, use)
        return None
