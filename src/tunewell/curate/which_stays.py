"""Which of several copies stays: the newest, the cleanest, the first.

A copy is compared with the row that stays, never with another copy: what is two edits away from
every row that stays is not dropped. The last rows of a label or a slice do not fall to similarity.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tunewell.curate.rows import InputRow
from tunewell.similar.confusables import plain_letters
from tunewell.similar.near_duplicates import Pairs

LAST = 3
"""So many rows of a label or a slice stay, however alike they are."""

_ROWS_A_VALUE = 5
"""A field with fewer rows a value, on average, makes no slices."""

_LABEL_WORDS = 3
_RARE = 1
_WORD = re.compile(r"[^\W\d_]{3,}")
_ALL_WORDS = re.compile(r"\w+")
_MARK = re.compile(r"[.,;:!?。！？،؟]")
_PERSONAL = re.compile(r"[\w.+-]+@[\w-]+\.\w+|(?<!\d)\+?\d[\d ()/-]{7,}\d(?!\d)")
_ENDS = tuple(".!?…。！？\"')]}`:;|>”»")
_MESS = re.compile(
    r"(?<=\S) {2,}(?=\S)|\ufffd|Ã.|â€|&(?:amp|nbsp|lt|gt|quot);|\\[nt]|[ \t]{3,}|\s[,;?!](?=\s|$)"
)


@dataclass(frozen=True, slots=True)
class Fallen:
    """A row that falls to one that stays; both are positions.

    Attributes:
        row: The copy.
        stays: The row that stays.
        similarity: Of the two, in [0, 1].
    """

    row: int
    stays: int
    similarity: float


def fallen(rows: Sequence[InputRow], pairs: Pairs) -> list[Fallen]:
    """The copies that fall, each to a row that stays, in the order of the rows.

    Args:
        rows: All rows.
        pairs: Which of them are copies of each other.
    """
    partners: dict[int, dict[int, float]] = defaultdict(dict)
    for (i, j), similarity in zip(pairs.positions(), pairs.similarity.tolist(), strict=True):
        partners[i][j] = similarity
        partners[j][i] = similarity

    divisions = _divisions(rows)
    left = Counter(part for parts in divisions for part in parts)
    order = _best_first(rows, sorted(partners))
    stays: set[int] = set()
    found = []
    for i in order:
        kept = {j: similarity for j, similarity in partners[i].items() if j in stays}
        parts = divisions[i]
        if not kept or any(left[part] <= LAST for part in parts):
            stays.add(i)
            continue
        left.subtract(parts)
        nearest = max(kept, key=lambda j: (kept[j], -j))
        found.append(Fallen(i, nearest, kept[nearest]))
    return sorted(found, key=lambda each: each.row)


def _divisions(rows: Sequence[InputRow]) -> list[list[tuple[str, str]]]:
    """The label and the slices that each row belongs to.

    A field divides the rows if it has few values: an id or a free text does not.
    """
    said = [_said(row) for row in rows]
    values: dict[str, set[str]] = defaultdict(set)
    for each in said:
        for name, value in each:
            values[name].add(value)
    dividing = {name for name, found in values.items() if _ROWS_A_VALUE * len(found) <= len(rows)}
    return [[part for part in each if part[0] in dividing] for each in said]


def _said(row: InputRow) -> list[tuple[str, str]]:
    label = row.target.strip().casefold()
    if len(label.split()) > _LABEL_WORDS:
        label = ""
    return [("label", label), ("kind", row.kind), *row.tags.items()]


def best_of(rows: Sequence[InputRow], *, newest: bool) -> InputRow:
    """Of equal rows the one that stays: the newest if so wanted, then the cleanest, then the first.

    Args:
        rows: Rows that are equal after normalisation.
        newest: Whether the date comes first.
    """

    def rank(place: int) -> tuple[int, int, int]:
        date = rows[place].date if newest else None
        return (-(date or dt.date.min).toordinal(), _untidiness(rows[place]), place)

    return rows[min(range(len(rows)), key=rank)]


def _best_first(rows: Sequence[InputRow], chosen: Sequence[int]) -> list[int]:
    """Positions of some rows: the newest first, then the cleanest, then the first."""
    usual = _Usual.of([row.whole for row in rows], [rows[i].whole for i in chosen])

    def rank(i: int) -> tuple[int, int, int, int]:
        date = rows[i].date or dt.date.min
        return (-date.toordinal(), usual.faults(rows[i]), usual.odd_spellings(rows[i]), i)

    return sorted(chosen, key=rank)


@dataclass(frozen=True)
class _Usual:
    """How often the words of some texts stand in all texts, and how often two of them together.

    Attributes:
        words: In how many texts each word stands.
        pairs: In how many texts two words stand side by side.
        letters: In how many different words three letters stand side by side.
    """

    words: Counter[str]
    pairs: Counter[tuple[str, str]]
    letters: Counter[str]

    @classmethod
    def of(cls, every: Sequence[str], chosen: Sequence[str]) -> _Usual:
        """Count in all texts what stands in the chosen ones."""
        wanted: set[tuple[str, str]] = set()
        for text in chosen:
            wanted.update(pairwise(_ALL_WORDS.findall(text.casefold())))
        words: Counter[str] = Counter()
        pairs: Counter[tuple[str, str]] = Counter()
        for text in every:
            words.update(set(_words(text)))
            pairs.update(wanted.intersection(pairwise(_ALL_WORDS.findall(text.casefold()))))
        letters = Counter(three for word in words for three in _threes(word))
        return cls(words, pairs, letters)

    def faults(self, row: InputRow) -> int:
        """How many things speak against a row: slips, odd words, what is missing, debris."""
        whole = row.whole
        slips = sum(self.words[word] <= _RARE for word in set(_words(whole)))
        together = set(pairwise(_ALL_WORDS.findall(whole.casefold())))
        odd = sum(self.pairs[pair] <= _RARE for pair in together)
        disguised = plain_letters(whole) != whole
        personal = len(_PERSONAL.findall(whole))
        return slips + odd // 2 + 2 * disguised + 2 * personal + _untidiness(row)

    def odd_spellings(self, row: InputRow) -> int:
        """How many groups of three letters no other word has: "hrabour" has more than "harbour"."""
        rare = {word for word in _words(row.whole) if self.words[word] <= _RARE}
        return sum(self.letters[three] <= _RARE for word in rare for three in _threes(word))


def _untidiness(row: InputRow) -> int:
    """How many things speak against the form of a row: no ends, capitals, stray spaces, debris."""
    texts = [text for text in (row.input, row.target) if text.strip()]
    is_cut = bool(row.target.strip()) and not row.target.rstrip().endswith(_ENDS)
    shouting = sum(text.isupper() for text in texts if len(text.split()) > _RARE)
    bare = sum(not _MARK.search(text) for text in texts)
    small = sum(text.islower() for text in texts)
    stray = sum(text != text.strip() for text in texts)
    debris = len(_MESS.findall(row.whole))
    return is_cut + 2 * shouting + bare + small + stray + debris


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _threes(word: str) -> set[str]:
    """The groups of three letters of a word, its ends among them."""
    marked = f"^{word}$"
    return {marked[at : at + 3] for at in range(len(marked) - 2)}
