"""General passages and questions of our own: what forgetting is measured on, and other ones to mix in against it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Use = Literal["general", "replay"]
"""``general`` is measured on and never trained on; ``replay`` is mixed into training."""


def passages(use: Use) -> tuple[str, ...]:
    """Passages of a hundred words or so, their white space joined.

    Example:
        >>> bool(set(passages("general")) & set(passages("replay")))
        False
    """
    return tuple(" ".join(block.split()) for block in _blocks(f"{use}_text.txt"))


def questions(use: Use) -> tuple[tuple[str, str], ...]:
    """Questions with their short answers.

    Example:
        >>> all(question.strip() and answer.strip() for question, answer in questions("general"))
        True
    """
    pairs = (block.split("\n") for block in _blocks(f"{use}_questions.txt"))
    return tuple((question, answer) for question, answer in pairs)


def _blocks(name: str) -> list[str]:
    text = (Path(__file__).parent / "general" / name).read_text(encoding="utf-8")
    return [block.strip() for block in text.split("\n\n") if block.strip()]
