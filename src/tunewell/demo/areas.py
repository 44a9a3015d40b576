"""Areas of support questions: the rows, and a small model whose answers are replayed.

Complement naive Bayes on hashed words stands in for recorded answers of a model: it answers a
half year of questions within a second, so that a replay takes minutes.
"""

from __future__ import annotations

import datetime as dt
import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from tunewell.json_text import parse_json

AREAS: Final = (
    "troubleshooting",
    "settings",
    "installation-and-updates",
    "privacy-and-security",
    "calendar",
)

HASHES: Final = 1 << 14
SMOOTHING: Final = 0.3
TAGS: Final = re.compile(r"<[^>]+>")
WORD: Final = re.compile(r"[a-z][a-z']+")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AreaQuestion:
    """A question, and the area that its asker chose.

    Attributes:
        id: Of the public question.
        at: When it was asked, as the forum's clock said.
        text: Title and content, without markup.
        area: One of `AREAS`; empty for any other topic.
    """

    id: str
    at: dt.datetime
    text: str
    area: str


def read_questions(path: Path, *, until: dt.datetime) -> list[AreaQuestion]:
    """Questions up to a moment, in the order of their time.

    Args:
        path: Of ``questions.jsonl.gz``.
        until: Later ones are left out.
    """
    found = []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = parse_json(line)
            at = dt.datetime.strptime(row["created"], "%Y-%m-%d %H:%M:%S %z")
            if at >= until:
                continue
            text = TAGS.sub(" ", f"{row['title']}\n{row['content']}")
            area = row["topic"] if row["topic"] in AREAS else ""
            found.append(AreaQuestion(id=row["id"], at=at, text=text, area=area))
    return sorted(found, key=lambda each: (each.at, each.id))


@dataclass(frozen=True, eq=False)
class AreaModel:
    """Names the area of a question.

    Attributes:
        weight: Of each hashed word for each area, shape (areas, HASHES).
        areas: Their names.
    """

    weight: Floats
    areas: tuple[str, ...] = AREAS

    @classmethod
    def trained_on(
        cls,
        rows: Sequence[AreaQuestion],
        areas: tuple[str, ...] = AREAS,
    ) -> AreaModel:
        """Complement naive Bayes (Rennie et al. 2003), every word of a question counted once."""
        counts = np.zeros((len(areas), HASHES))
        for row in rows:
            counts[areas.index(row.area), _words(row.text)] += 1
        rest = counts.sum(0)[None, :] - counts + SMOOTHING
        weight = np.log(rest / rest.sum(1, keepdims=True))
        return cls(-weight / np.abs(weight).sum(1, keepdims=True), areas)

    def answer(self, text: str) -> str:
        """The area that is named."""
        return self.areas[int(self.weight[:, _words(text)].sum(1).argmax())]


def _words(text: str) -> NDArray[np.int64]:
    """Hashed words and pairs of words of a text, each once."""
    words = WORD.findall(text.lower())
    pairs = [f"{first} {second}" for first, second in pairwise(words)]
    return np.unique([crc32(term.encode()) % HASHES for term in [*words, *pairs, ""]])
