"""General passages and questions of our own: what forgetting is measured on, and other ones to mix in against it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Literal

Use = Literal["measured", "replay"]
"""``measured`` is what forgetting is measured on and is never trained on; ``replay`` is mixed into training."""


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
    kinds: dict[str, list[Passage]] = {}
    for block in re.split("^%% ", _read(f"{use}.txt"), flags=re.MULTILINE)[1:]:
        kind, text = block.split("\n", 1)
        kinds.setdefault(kind, []).append(Passage(kind, text.strip("\n")))
    return tuple(p for each in zip_longest(*kinds.values()) for p in each if p)


def questions(use: Use) -> tuple[tuple[str, str], ...]:
    """Questions with their short answers.

    Example:
        >>> all(question.strip() and answer.strip() for question, answer in questions("measured"))
        True
    """
    pairs = (block.strip().split("\n") for block in _read(f"{use}_questions.txt").split("\n\n"))
    return tuple((question, answer) for question, answer in pairs)


def _read(name: str) -> str:
    return (Path(__file__).parent / "general" / name).read_text(encoding="utf-8")
