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
_PERSONAL = re.compile(r"[\w.+-]+@[\w-]+\.\w+|(?<!\d)\+?\d[\d ()/-]{7,}\d(?!\d)")
_ENDS = tuple(".!?…。！？\"')]}`:;|>”»")
_MESS = re.compile(r"\ufffd|Ã.|â€|&(?:amp|nbsp|lt|gt|quot);|\\[nt]|[ \t]{3,}|\s[,;?!](?=\s|$)")


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


def _best_first(rows: Sequence[InputRow], chosen: Sequence[int]) -> list[int]:
    """Positions of some rows: the newest first, then the cleanest, then the first."""
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update(set(_words(row.whole)))

    def rank(i: int) -> tuple[int, int, int]:
        date = rows[i].date or dt.date.min
        return (-date.toordinal(), _faults(rows[i], counts), i)

    return sorted(chosen, key=rank)


def _faults(row: InputRow, counts: Counter[str]) -> int:
    """How many things speak against a row: slips, what is missing, personal data, debris."""
    whole = row.whole
    slips = sum(counts[word] <= _RARE for word in set(_words(whole)))
    disguised = plain_letters(whole) != whole
    is_cut = bool(row.target.strip()) and not row.target.rstrip().endswith(_ENDS)
    shouting = sum(text.isupper() for text in (row.input, row.target) if len(text.split()) > _RARE)
    personal = len(_PERSONAL.findall(whole))
    return slips + 2 * disguised + is_cut + shouting + 2 * personal + len(_MESS.findall(whole))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
