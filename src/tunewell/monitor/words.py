"""Words of texts as monitored terms: versions folded, dates and plain numbers left out."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from tunewell.arrow_text import numbers_of, text_column
from tunewell.monitor.channel import Floats
from tunewell.monitor.records import Ints

MOST_CHARACTERS = 4_000
"""Of a text that are read."""
LONGEST = 30
FRESH_S = 28 * 86_400
SHORTEST = 2
MOST_BITS: Final = 62
AT_ONCE: Final = 20_000
"""Texts that are cut into chunks at once."""
_TAG: Final = re.compile(r"<[^<>]{1,400}>")
_WORD: Final = re.compile(r"[^\W_]+(?:[.&'’-][^\W_]+)*")
_IN_WORDS: Final = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789.&'-")
"""Plain letters and marks that may be in a word; whatever is not plain may be."""
_SPACES: Final = bytes(
    byte if byte >= 128 or byte in _IN_WORDS else ord(" ") for byte in range(256)
)
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
    return set(_terms_in(_plain(text)))


def _plain(text: str) -> str:
    """The part of a text that is read, without markup, in small letters."""
    cut = text[:MOST_CHARACTERS]
    if "<" in cut:
        cut = _TAG.sub(" ", cut)
    if "&" in cut:
        cut = html.unescape(html.unescape(cut))

    return cut.lower()


def _terms_in(plain: str) -> Iterator[str]:
    """The terms of a plain text, as often as they stand in it."""
    for word in _WORD.findall(plain):
        term = _term(word)
        if term:
            yield term


@dataclass(frozen=True)
class NumberedTerms:
    """The terms of texts by number.

    Attributes:
        names: The terms, by number, in the order of the alphabet.
        entries: Terms of one record after the other, each once: those of what was asked first, each
            part in the order of the alphabet, shape (entries,).
        ends: Where the entries of each record begin, and where the last end, shape (records + 1,).
        asked_ends: Where those of what was asked end, shape (records,).
    """

    names: tuple[str, ...]
    entries: NDArray[np.int32]
    ends: Ints
    asked_ends: Ints

    @property
    def rows(self) -> Ints:
        """The record of each entry, shape (entries,)."""
        found: Ints = np.repeat(np.arange(self.ends.size - 1), np.diff(self.ends))
        return found

    def asked(
        self,
        rows: Ints,
    ) -> NDArray[np.bool_]:
        """Which entries are of what was asked, given their records, shape (entries,)."""
        found: NDArray[np.bool_] = np.arange(self.entries.size) < self.asked_ends[rows]
        return found

    def kept(
        self,
        fewest: int,
    ) -> TermTable:
        """The terms that at least some records hold."""
        often = np.bincount(self.entries, minlength=len(self.names)) >= fewest
        place = np.cumsum(often) - 1
        kept = often[self.entries]
        names = tuple(self.names[i] for i in np.flatnonzero(often).tolist())
        return TermTable(names, self.rows[kept], place[self.entries[kept]])

    def new_share(
        self,
        reference: int,
    ) -> Floats:
        """Share of each record's terms that no other record of the reference holds.

        Args:
            reference: Records of the reference, the first ones.

        Returns:
            NaN for a record without terms, shape (records,).
        """
        before = int(self.ends[reference])
        known = np.bincount(self.entries[:before], minlength=len(self.names))
        others = known[self.entries]
        others[:before] -= 1
        added = np.concatenate([[0.0], np.cumsum(others <= 0)])
        terms = np.diff(self.ends)
        unseen = added[self.ends[1:]] - added[self.ends[:-1]]
        share: Floats = np.where(terms > 0, unseen / np.maximum(terms, 1), np.nan)
        return share


def numbered_terms(
    texts: Iterable[str],
    further: Iterable[str] = (),
) -> NumberedTerms:
    """The terms of texts by number.

    Args:
        texts: What was asked, one a record.
        further: What else each record says, such as the answer; nothing where it is empty.
    """
    chunks = _Chunks()
    asked = chunks.of(texts)
    said = chunks.of(further)
    names, terms, starts = chunks.terms()
    parts = [_spread(part, terms, starts) for part in (asked, said)]
    width = max(len(names), 1)
    cells = [row * width + term for row, term in parts]
    keys = np.concatenate([cells[0] * 2, cells[1] * 2 + 1])
    keys.sort()
    # What was asked comes before what was said, so the first of equal terms is the asked one.
    first = np.ones(keys.size, dtype=np.bool_)
    first[1:] = keys[1:] >> 1 != keys[:-1] >> 1
    keys = keys[first]
    is_said = keys & 1
    row, term = np.divmod(keys >> 1, width)
    order = (row * 2 + is_said) * width + term
    order.sort()
    records = asked.ends.size - 1
    ends = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=records))])
    of_asked = np.bincount(row[is_said == 0], minlength=records)
    return NumberedTerms(
        names=names,
        entries=(order % width).astype(np.int32),
        ends=ends,
        asked_ends=ends[:-1] + of_asked,
    )


@dataclass(frozen=True)
class _Cut:
    """Texts cut into chunks.

    Attributes:
        codes: Chunks of one text after the other, by number.
        ends: Where those of each text begin, and where the last end.
    """

    codes: Ints
    ends: Ints


class _Chunks:
    """Whatever stands between spaces and marks that are in no word, each different one once.

    A word never goes beyond its chunk, so words are looked for in a chunk once, however many
    texts hold it.
    """

    def __init__(self) -> None:
        self.place: dict[str, int] = {}

    def of(
        self,
        texts: Iterable[str],
    ) -> _Cut:
        """Cut texts into chunks, column by column."""
        codes = [np.zeros(0, dtype=np.int64)]
        counts = [np.zeros(0, dtype=np.int64)]
        rest = map(_plain, texts)
        while some := list(islice(rest, AT_ONCE)):
            cut = pc.ascii_split_whitespace(text_column(some, _SPACES))
            encoded = cut.flatten().dictionary_encode()
            chunks = encoded.dictionary.to_pylist()
            place = np.array([self._number(chunk) for chunk in chunks], dtype=np.int64)
            codes.append(place[numbers_of(encoded.indices)])
            counts.append(numbers_of(pc.list_value_length(cut)))
        ends = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
        return _Cut(np.concatenate(codes), ends)

    def _number(
        self,
        chunk: str,
    ) -> int:
        return self.place.setdefault(chunk, len(self.place))

    def terms(self) -> tuple[tuple[str, ...], Ints, Ints]:
        """The terms of all chunks, those of each chunk by number, and where each chunk's begin."""
        held = [list(_terms_in(chunk)) for chunk in self.place]
        names = sorted({term for terms in held for term in terms})
        number = {name: i for i, name in enumerate(names)}
        flat = [number[term] for terms in held for term in terms]
        starts = np.cumsum([0, *map(len, held)])
        return tuple(names), np.array(flat, dtype=np.int64), starts.astype(np.int64)


def _spread(
    cut: _Cut,
    terms: Ints,
    starts: Ints,
) -> tuple[Ints, Ints]:
    """The record and the term of every word of some texts, given the terms of each chunk."""
    row = np.repeat(np.arange(cut.ends.size - 1), np.diff(cut.ends))
    count = starts[cut.codes + 1] - starts[cut.codes]
    before = np.cumsum(count) - count
    place = np.repeat(starts[cut.codes] - before, count) + np.arange(int(count.sum()))
    return np.repeat(row, count), terms[place]


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
    record = table.record
    kept = fresh_uses(TermUses(table.term, groups[record], seconds[record]))
    return TermTable(table.terms, record[kept], table.term[kept])


@dataclass(frozen=True)
class TermUses:
    """Uses of terms in the order of their time, shape (uses,) each.

    Attributes:
        term: The term, by number.
        group: Who used it, by a number; 0 for uses of no group.
        at: When, seconds since 1970.
    """

    term: Ints
    group: Ints
    at: Ints

    def only(
        self,
        kept: NDArray[np.bool_],
    ) -> TermUses:
        """Those that are kept."""
        return TermUses(self.term[kept], self.group[kept], self.at[kept])

    @property
    def by_group(self) -> Ints:
        """Their order by group, then term, then time."""
        if not self.term.size:
            return np.zeros(0, dtype=np.int64)
        pair = self.group * (int(self.term.max()) + 1) + self.term
        bits = self.term.size.bit_length()
        if int(pair.max()).bit_length() + bits > MOST_BITS:
            return np.argsort(pair, kind="stable")
        # Numbers are sorted several times as fast as places: the place is a part of the number.
        keys = (pair << bits) + np.arange(pair.size)
        keys.sort()
        order: Ints = keys & ((1 << bits) - 1)
        return order


def joined_uses(parts: Sequence[TermUses]) -> TermUses:
    """Uses of several stretches of time as one.

    Args:
        parts: Oldest first.
    """
    return TermUses(
        term=np.concatenate([part.term for part in parts]),
        group=np.concatenate([part.group for part in parts]),
        at=np.concatenate([part.at for part in parts]),
    )


def fresh_uses(uses: TermUses) -> NDArray[np.bool_]:
    """Which uses of a term are a group's first in four weeks, shape (uses,)."""
    order = uses.by_group
    group = uses.group[order]
    term = uses.term[order]
    same = (group[1:] == group[:-1]) & (term[1:] == term[:-1]) & (group[1:] != 0)
    soon = np.diff(uses.at[order]) < FRESH_S
    kept = np.ones(order.size, dtype=np.bool_)
    kept[order[1:][same & soon]] = False
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
    rows: list[int] = []
    held: list[str] = []
    for row, terms in enumerate(texts):
        for term in terms:
            rows.append(row)
            held.append(term)
    if not held:
        nothing = np.zeros(0, dtype=np.int64)
        return TermTable((), nothing, nothing)
    column = text_column(held).dictionary_encode()
    numbers = numbers_of(column.indices).astype(np.int64)
    names = column.dictionary.to_pylist()
    often = np.bincount(numbers) >= fewest
    place = np.cumsum(often) - 1
    kept = often[numbers]
    terms_kept = tuple(names[i] for i in np.flatnonzero(often).tolist())
    return TermTable(terms_kept, np.array(rows)[kept], place[numbers[kept]])
