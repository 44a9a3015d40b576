"""The text of a document, and what every reader of documents does with it."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

MAX_BYTES = 256 << 20
"""Of one document, unpacked."""


class Unreadable(ValueError):
    """A document that gives no text; the message says why."""


@dataclass(frozen=True, slots=True)
class Document:
    """Text of a document.

    Attributes:
        text: Paragraphs, separated by blank lines; headings begin with ``#``.
        date: The day that the document states of itself, if it does.
        title: Its title or subject.
        note: What was mended in reading it, in words; empty if nothing was.
    """

    text: str
    date: dt.date | None = None
    title: str = ""
    note: str = ""


def tidy(text: str) -> str:
    """Lines without space around them, and no more than one blank line between them."""
    lines = [line.strip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
