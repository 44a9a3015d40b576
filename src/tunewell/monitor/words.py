"""Words of texts as monitored terms: versions folded, dates and plain numbers left out."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.sparse as sp

from tunewell.monitor.channel import Floats
from tunewell.monitor.records import Ints

MOST_CHARACTERS = 4_000
"""Of a text that are read."""
LONGEST = 30
FRESH_S = 28 * 86_400
SHORTEST = 2
_TAG: Final = re.compile(r"<[^<>]{1,400}>")
_WORD: Final = re.compile(r"[^\W_]+(?:[.&'’-][^\W_]+)*")
_VERSION: Final = re.compile(r"v?(\d{1,4})(?:\.\d+)+[a-z0-9]*|v(\d{1,4})")
_DOMAIN: Final = re.compile(
    r"(?:[^.]+\.)*?([^.]{2,})\.(?:com?|net|org|edu|gov|io|info|de|fr)(?:\.[a-z]{2})?"
)
_CALENDAR: Final = frozenset(
    "january february march april may june july august september october november december jan feb "
    "mar apr jun jul aug sep sept oct nov dec monday tuesday wednesday thursday friday saturday "
    "sunday mon tue wed thu fri sat sun yesterday today tomorrow christmas easter".split()
)
"""Words that the calendar moves."""


def terms_of(text: str) -> set[str]:
    """The terms of a text.

    Versions are folded into their major one, so that a point release is no new term; domains lose
    their ending; years, months and days of the week are the calendar's and left out.

    Example:
        >>> sorted(terms_of("Since 115.6.1 AT&amp;T mail (att.net) fails, May 2024"))
        ['115', 'att', 'fails', 'mail', 'since']
    """
    cut = text[:MOST_CHARACTERS]
    if "<" in cut:
        cut = _TAG.sub(" ", cut)
    if "&" in cut:
        cut = html.unescape(html.unescape(cut))
    found = set(_WORD.findall(cut.lower()))
    return {term for word in found if (term := _term(word))}


def _term(word: str) -> str:
    if not word.isalpha():
        word = _folded(word)
        if not word:
            return ""
    if not SHORTEST <= len(word) <= LONGEST or word in _CALENDAR:
        return ""
    return word


def _folded(word: str) -> str:
    """A word with digits or marks in its plain form; empty where it says nothing."""
    version = _VERSION.fullmatch(word)
    if version:
        return version.group(1) or version.group(2)
    domain = _DOMAIN.fullmatch(word)
    if domain:
        word = domain.group(1)
    word = word.replace("&", "").replace("'", "").replace("’", "")
    if word.isdigit():
        return "" if len(word) > 4 or len(word) < 2 or word[:2] in ("19", "20") else word
    digits = sum(letter.isdigit() for letter in word)
    if digits > 4 or (digits and len(word) > 12):
        return ""
    return word


def is_version(word: str) -> bool:
    """Whether a word is a version's number, whole or folded.

    Example:
        >>> is_version("115"), is_version("115.6.1"), is_version("v2"), is_version("mail")
        (True, True, True, False)
    """
    return word.isdigit() or _VERSION.fullmatch(word) is not None


@dataclass(frozen=True)
class TermTable:
    """Which terms each record holds.

    Attributes:
        terms: The terms.
        held: 1 where a record holds a term, shape (records, terms).
    """

    terms: tuple[str, ...]
    held: sp.csr_matrix


def fresh_terms(table: TermTable, groups: Sequence[str], seconds: Ints) -> TermTable:
    """The same with a term counted for a group only when it has not used it for four weeks.

    One thread that goes on about a thing, or one author's manner of greeting, is one occurrence.

    Args:
        table: Which terms each record holds.
        groups: Thread, conversation or author of each record; empty where it has none.
        seconds: Times of the records, ascending.
    """
    place: dict[str, int] = {}
    codes = np.array([place.setdefault(group, len(place)) for group in groups], dtype=np.int64)
    without = place.get("", -1)
    entries = table.held.tocoo()
    row = entries.row.astype(np.int64)
    term = entries.col.astype(np.int64)
    group = codes[row]
    order = np.lexsort((row, term, group))
    row = row[order]
    term = term[order]
    group = group[order]
    same = (group[1:] == group[:-1]) & (term[1:] == term[:-1]) & (group[1:] != without)
    soon = seconds[row[1:]] - seconds[row[:-1]] < FRESH_S
    kept = np.concatenate([[True], ~(same & soon)])
    ones = np.ones(int(kept.sum()), dtype=np.float32)
    held = sp.csr_matrix((ones, (row[kept], term[kept])), shape=table.held.shape)
    return TermTable(table.terms, held)


def term_table(texts: Sequence[Iterable[str]], *, fewest: int = 4) -> TermTable:
    """The terms that at least some records hold.

    Args:
        texts: The terms of each record.
        fewest: Records that must hold a term.
    """
    place: dict[str, int] = {}
    rows: list[int] = []
    columns: list[int] = []
    for row, terms in enumerate(texts):
        for term in terms:
            columns.append(place.setdefault(term, len(place)))
            rows.append(row)
    ones = np.ones(len(rows), dtype=np.float32)
    held = sp.csr_matrix((ones, (rows, columns)), shape=(len(texts), len(place)))
    counts: Floats = np.asarray(held.sum(0)).ravel()
    kept = np.flatnonzero(counts >= fewest)
    names = list(place)
    return TermTable(tuple(names[i] for i in kept.tolist()), held[:, kept].tocsr())
