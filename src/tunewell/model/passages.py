"""General passages and questions of our own.

Forgetting is measured on some of them; others are mixed in against it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Literal

Use = Literal["measured", "replay"]
"""What they are for.

``measured`` is what forgetting is measured on and is never trained on; ``replay`` is mixed into
training.
"""


@dataclass(frozen=True)
class Passage:
    """A few sentences, or lines, of one kind of text.

    Attributes:
        kind: ``story``, ``news``, ``dialogue``, ``code`` …
        text: As it stands, line breaks included.
    """

    kind: str
    text: str


def passages(use: Use) -> tuple[Passage, ...]:
    """Passages of some thirty words, ranked: one of every kind, then the next of every kind.

    So the first so many of them represent all.

    Example:
        >>> first = passages("measured")[:12]
        >>> sorted(p.kind for p in first)[:4], len({p.kind for p in first})
        (['code', 'data', 'definition', 'dialogue'], 12)
    """
    kinds: dict[str, list[Passage]] = defaultdict(list)
    _, *blocks = re.split("^%% ", _read(f"{use}.txt"), flags=re.MULTILINE)
    for block in blocks:
        kind, text = block.split("\n", 1)
        kinds[kind].append(Passage(kind, text.strip("\n")))

    rounds = zip_longest(*kinds.values())
    return tuple(filter(None, chain.from_iterable(rounds)))


def questions(use: Use) -> tuple[tuple[str, str], ...]:
    """Questions with their short answers.

    Example:
        >>> all(question.strip() and answer.strip() for question, answer in questions("measured"))
        True
    """
    pairs = []
    for block in _read(f"{use}_questions.txt").split("\n\n"):
        question, answer = block.strip().split("\n")
        pairs.append((question, answer))
    return tuple(pairs)


def _read(name: str) -> str:
    return (Path(__file__).parent / "general" / name).read_text(encoding="utf-8")
