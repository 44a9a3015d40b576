"""Regular expressions of others, run with a time limit.

A pattern that tunewell.yaml or an adapter gives can take longer than the universe lasts on a short
text (``(a+)+$``). The package ``regex`` gives up in time; it reads the syntax of ``re``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import regex

from tunewell.errors import UserError

TIMEOUT_S = 1.0
"""How long one pattern may take on one text."""


class PatternTimeoutError(UserError):
    """A pattern took too long on a text."""


class TimedPattern:
    r"""As ``re.Pattern``, but gives up after `TIMEOUT_S` seconds.

    Args:
        pattern: The regular expression.
        flags: Of ``re``.

    Raises:
        ValueError: It does not compile.

    Example:
        >>> TimedPattern(r"ref (\d+)").search("see ref 12")[1]
        '12'
        >>> TimedPattern("(a|aa)+$").search("a" * 60 + "!")
        Traceback (most recent call last):
        ...
        tunewell.timed_pattern.PatternTimeoutError: the pattern '(a|aa)+$' took more than 1 s ...
    """

    def __init__(self, pattern: str, flags: int = 0) -> None:
        try:
            re.compile(pattern, flags)
            self._pattern: Any = regex.compile(pattern, flags | regex.VERSION0)
        except (re.error, regex.error, RecursionError, OverflowError) as error:
            raise ValueError(f"{pattern!r} is not a valid pattern: {error}") from None
        self.pattern = pattern

    @property
    def groups(self) -> int:
        """How many groups the pattern has."""
        return int(self._pattern.groups)

    def search(self, text: str) -> re.Match[str] | None:
        """The first match anywhere."""
        found: re.Match[str] | None = self._timed(self._pattern.search, text)
        return found

    def match(self, text: str) -> re.Match[str] | None:
        """The match at the beginning."""
        found: re.Match[str] | None = self._timed(self._pattern.match, text)
        return found

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """The match of the whole text."""
        found: re.Match[str] | None = self._timed(self._pattern.fullmatch, text)
        return found

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """Every match, in order."""
        found = self._timed(
            lambda text, timeout: [*self._pattern.finditer(text, timeout=timeout)], text
        )
        yield from found

    def _timed(self, ask: Any, text: str) -> Any:
        """What a method of the pattern gives; its types are those of ``re``."""
        try:
            return ask(text, timeout=TIMEOUT_S)
        except TimeoutError:
            raise PatternTimeoutError(
                f"the pattern {self.pattern[:80]!r} took more than {TIMEOUT_S:g} s "
                f"on a text of {len(text)} characters",
                hint="write it without nested repetitions",
            ) from None


AnyPattern = re.Pattern[str] | TimedPattern
