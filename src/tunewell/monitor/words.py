"""Words of texts as monitored terms: versions folded, dates and plain numbers left out."""

from __future__ import annotations

import html
import re
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Final

import numpy as np
from numpy.typing import NDArray

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
    (
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "jan",
        "feb",
        "mar",
        "apr",
        "jun",
        "jul",
        "aug",
        "sep",
        "sept",
        "oct",
        "nov",
        "dec",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
        "sat",
        "sun",
        "yesterday",
        "today",
        "tomorrow",
        "christmas",
        "easter",
        "januar",
        "februar",
        "märz",
        "mai",
        "juni",
        "juli",
        "oktober",
        "dezember",
        "montag",
        "dienstag",
        "mittwoch",
        "donnerstag",
        "freitag",
        "samstag",
        "sonntag",
        "gestern",
        "heute",
        "morgen",
        "weihnachten",
        "ostern",
        "janvier",
        "février",
        "mars",
        "avril",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
        "lundi",
        "mardi",
        "mercredi",
        "jeudi",
        "vendredi",
        "samedi",
        "dimanche",
        "hier",
        "noël",
        "pâques",
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
        "lunes",
        "martes",
        "miércoles",
        "jueves",
        "viernes",
        "sábado",
        "domingo",
        "ayer",
        "hoy",
        "mañana",
        "navidad",
        "gennaio",
        "febbraio",
        "aprile",
        "maggio",
        "giugno",
        "luglio",
        "settembre",
        "ottobre",
        "dicembre",
        "lunedì",
        "martedì",
        "mercoledì",
        "giovedì",
        "venerdì",
        "sabato",
        "domenica",
        "ieri",
        "oggi",
        "domani",
        "natale",
        "pasqua",
        "janeiro",
        "fevereiro",
        "março",
        "maio",
        "junho",
        "julho",
        "setembro",
        "outubro",
        "novembro",
        "dezembro",
        "segunda",
        "terça",
        "quarta",
        "quinta",
        "sexta",
        "ontem",
        "hoje",
        "amanhã",
        "natal",
        "páscoa",
        "januari",
        "februari",
        "maart",
        "mei",
        "augustus",
        "maandag",
        "dinsdag",
        "woensdag",
        "donderdag",
        "vrijdag",
        "zaterdag",
        "zondag",
        "gisteren",
        "vandaag",
        "kerstmis",
        "pasen",
        "thanksgiving",
        "halloween",
    )
)
"""Words that the calendar moves, in seven languages."""


def terms_of(text: str) -> set[str]:
    """The terms of a text.

    Versions are folded into their major one, so that a point release is no new term; domains lose
    their ending; years, months and days of the week are the calendar's and left out.

    Example:
        >>> sorted(terms_of("Since 115.6.1 AT&amp;T mail (att.net) fails, May 2024"))
        ['115', 'att', 'fails', 'mail', 'since']
    """
    return {term for word in _words(text) if (term := _term(word))}


def _words(text: str) -> set[str]:
    """The words of a text as they are written, in small letters, each once."""
    cut = text[:MOST_CHARACTERS]
    if "<" in cut:
        cut = _TAG.sub(" ", cut)
    if "&" in cut:
        cut = html.unescape(html.unescape(cut))

    return set(_WORD.findall(cut.lower()))


class _Vocabulary(dict[str, int]):
    """Number of the term of every word that was met; 0 for words that are no term.

    A word is folded once, however often it is met.
    """

    def __init__(self) -> None:
        super().__init__()
        self.terms: dict[str, int] = {"": 0}

    def __missing__(
        self,
        word: str,
    ) -> int:
        number = self.terms.setdefault(_term(word), len(self.terms))
        self[word] = number
        return number


@dataclass(frozen=True)
class TextTerms:
    """What the texts of a stream hold.

    Attributes:
        table: The terms that at least some records hold.
        new: Of each record, the share of its terms that no other record of the reference holds; NaN
            for a text without terms, shape (records,).
        asked: The same terms, where they are in what was asked.
    """

    table: TermTable
    new: Floats
    asked: TermTable


@dataclass(frozen=True)
class NumberedTerms:
    """The terms of texts by number.

    Attributes:
        names: The terms, by number; the first is empty and in no text.
        entries: Terms of one text after the other, those of what was asked first.
        ends: Where the entries of each text begin, and where the last end.
        asked_ends: Where those of what was asked end.
    """

    names: list[str]
    entries: array[int]
    ends: list[int]
    asked_ends: list[int]


def numbered_terms(
    texts: Iterable[str],
    further: Iterable[str] | None = None,
) -> NumberedTerms:
    """The terms of texts by number, in the order in which they came.

    Args:
        texts: What was asked, one a record.
        further: What else each record says, such as the answer.
    """
    vocabulary = _Vocabulary()
    number = vocabulary.__getitem__
    entries = array("i")
    ends = [0]
    asked_ends = []
    for text, more in zip(texts, repeat("") if further is None else further, strict=False):
        # In the order of the alphabet, so that it is the same in every process.
        found = dict.fromkeys(map(number, sorted(_words(text))))
        found.pop(0, None)
        entries.extend(found)
        asked_ends.append(len(entries))
        if more:
            others = dict.fromkeys(map(number, sorted(_words(more))))
            others.pop(0, None)
            entries.extend(each for each in others if each not in found)
        ends.append(len(entries))
    return NumberedTerms(list(vocabulary.terms), entries, ends, asked_ends)


def text_terms(
    texts: Iterable[str],
    *,
    further: Iterable[str] | None = None,
    fewest: int = 4,
    reference: int = 0,
) -> TextTerms:
    """The terms of texts.

    Args:
        texts: What was asked, one a record.
        further: What else each record says, such as the answer.
        fewest: Records that must hold a term of the table.
        reference: Records of the reference, the first ones.
    """
    said = numbered_terms(texts, further)
    table, asked = _kept_of_both(said.names, said.entries, said.ends, said.asked_ends, fewest)
    return TextTerms(table, _new_share(said.entries, said.ends, reference), asked)


def _kept_of_both(
    names: Sequence[str],
    entries: array[int],
    ends: Sequence[int],
    asked_ends: Sequence[int],
    fewest: int,
) -> tuple[TermTable, TermTable]:
    """The table of all that records say, and that of what was asked, of the same terms."""
    table = _kept(names, entries, ends, fewest)
    columns = np.frombuffer(entries, dtype=np.int32) if len(entries) else np.zeros(0, np.int32)
    rows = np.repeat(np.arange(len(asked_ends)), np.diff(ends))
    of_asked = np.arange(columns.size) < np.array(asked_ends, dtype=np.int64)[rows]
    place = np.full(len(names), -1, dtype=np.int64)
    kept = {term: i for i, term in enumerate(table.terms)}
    for number, name in enumerate(names):
        place[number] = kept.get(name, -1)
    where = place[columns]
    picked = of_asked & (where >= 0)
    return table, TermTable(table.terms, rows[picked], where[picked])


def _new_share(
    entries: array[int],
    ends: Sequence[int],
    reference: int,
) -> Floats:
    """Share of each record's terms that no other record of the reference holds."""
    columns = np.frombuffer(entries, dtype=np.int32) if len(entries) else np.zeros(0, np.int32)
    stops = np.array(ends, dtype=np.int64)
    before = int(stops[reference])
    known = np.bincount(columns[:before], minlength=int(columns.max(initial=0)) + 1)
    others = known[columns].astype(np.int64)
    others[:before] -= 1
    added = np.concatenate([[0.0], np.cumsum(others <= 0)])
    terms = np.diff(stops)
    unseen = added[stops[1:]] - added[stops[:-1]]
    share: Floats = np.where(terms > 0, unseen / np.maximum(terms, 1), np.nan)
    return share


def _kept(
    names: Sequence[str],
    entries: array[int],
    ends: Sequence[int],
    fewest: int,
) -> TermTable:
    """The table of the terms that at least some records hold."""
    columns = np.frombuffer(entries, dtype=np.int32) if len(entries) else np.zeros(0, np.int32)
    records = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
    counts = np.bincount(columns, minlength=len(names))
    often = counts >= fewest
    numbers = np.cumsum(often) - 1
    kept = often[columns]
    names_kept = tuple(names[i] for i in np.flatnonzero(often).tolist())

    return TermTable(names_kept, records[kept], numbers[columns[kept]])


def _term(word: str) -> str:
    """The term of a word; empty where it says nothing."""
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
    """Which terms each record holds, one entry for each term of each record.

    Attributes:
        terms: The terms.
        record: The record of each entry, shape (entries,).
        term: The place of its term in ``terms``, shape (entries,).
    """

    terms: tuple[str, ...]
    record: Ints
    term: Ints


def fresh_terms(
    table: TermTable,
    groups: Ints,
    seconds: Ints,
) -> TermTable:
    """The same with a term counted for a group only when it has not used it for four weeks.

    One thread that goes on about a thing, or one author's manner of greeting, is one occurrence.

    Args:
        table: Which terms each record holds.
        groups: Thread, conversation or author of each record; 0 where it has none.
        seconds: Times of the records, ascending.
    """
    kept = fresh_entries(table.record, table.term, groups[table.record], seconds)
    return TermTable(table.terms, table.record[kept], table.term[kept])


def fresh_entries(
    row: Ints,
    term: Ints,
    group: Ints,
    seconds: Ints,
) -> NDArray[np.bool_]:
    """Which uses of a term are a group's first in four weeks, shape (entries,).

    Args:
        row: Record of each use.
        term: Its term.
        group: Its group; uses of group 0 are all first ones.
        seconds: Times of the records, ascending, shape (records,).
    """
    order = np.lexsort((row, term, group))
    row = row[order]
    same = (group[order][1:] == group[order][:-1]) & (term[order][1:] == term[order][:-1])
    soon = seconds[row[1:]] - seconds[row[:-1]] < FRESH_S
    again = np.zeros(order.size, dtype=np.bool_)
    again[1:] = same & soon & (group[order][1:] != 0)
    kept = np.empty(order.size, dtype=np.bool_)
    kept[order] = ~again
    return kept


def term_table(
    texts: Iterable[Iterable[str]],
    *,
    fewest: int = 4,
) -> TermTable:
    """Terms that are given, such as values of fields, as far as some records hold them.

    Args:
        texts: The terms of each record, none of them twice.
        fewest: Records that must hold a term.
    """
    place: dict[str, int] = {}
    entries = array("i")
    ends = [0]
    for terms in texts:
        entries.extend(place.setdefault(term, len(place)) for term in terms)
        ends.append(len(entries))

    return _kept(list(place), entries, ends, fewest)
