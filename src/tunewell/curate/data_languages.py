"""Which languages the rows of a project are in, before any rule names them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from tunewell.checks.language import Shares, language_or_relative, language_shares, other_language
from tunewell.curate.reading.read import ReadResult, read_source
from tunewell.errors import UserError
from tunewell.task import DataSource

MOST_ROWS = 20_000
"""Rows that are looked at of each source."""

_MOST_LANGUAGES = 4
"""Data in more languages is meant to be in any."""


def languages_of_data(paths: Sequence[str], root: Path) -> tuple[str, ...]:
    """Languages by which no row that was read would be dropped, the commonest first.

    Args:
        paths: As ``data.path`` in tunewell.yaml.
        root: The project's folder.

    Returns:
        Codes; empty where nothing can be read, nothing is certain, or there are many languages.
    """
    batch = ReadResult()
    for path in paths:
        try:
            read_source(DataSource(path=path, limit=MOST_ROWS), root=root, batch=batch)
        except (UserError, OSError):
            continue

    texts = [text for row in batch.rows for text in (row.input, row.target)]
    shares = [each for each in map(language_shares, texts) if each]
    weights: defaultdict[str, float] = defaultdict(float)
    for each in shares:
        for code, share in each:
            weights[code] += share

    certain = set(map(language_or_relative, shares))
    found: list[str] = []
    for code in sorted(weights, key=weights.__getitem__, reverse=True):
        if code in certain and _is_needed(code, found, shares):
            found.append(code)
    return tuple(found) if len(found) <= _MOST_LANGUAGES else ()


def _is_needed(code: str, found: Sequence[str], shares: Sequence[Shares]) -> bool:
    """Whether some text would be dropped without this language."""
    return not found or any(other_language(each, found) == code for each in shares)
