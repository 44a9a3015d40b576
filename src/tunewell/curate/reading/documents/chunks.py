"""Long texts cut along their own structure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tunewell.checks.segments import count_words, cut_by_words

CHUNK_WORDS = 600
"""A document longer than this is cut at headings, then paragraphs, then sentences."""

_PARAGRAPH_END = re.compile(r"\n\s*\n")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？｡។။༎])\s*")


def chunks(text: str, *, words: int = CHUNK_WORDS) -> list[str]:
    r"""Cut a text at headings, then paragraphs, then sentences, into parts of so many words.

    In scripts without spaces between words, segments count (see `tunewell.checks.segments`).

    Example:
        >>> chunks("# A\n\none two\n\n# B\n\nthree", words=4)
        ['# A\n\none two', '# B\n\nthree']
    """
    if count_words(text) <= words:
        return [text]
    done: list[str] = []
    held: list[str] = []
    size = 0
    for piece in _pieces(text, words):
        more = count_words(piece)
        too_long = size + more > words
        new_part = piece.startswith("#") and size > words // 4
        if held and (too_long or new_part):
            done.append("\n\n".join(held))
            held, size = [], 0
        held.append(piece)
        size += more
    return [*done, "\n\n".join(held)]


def _pieces(text: str, words: int) -> Iterator[str]:
    """Paragraphs of at most so many words; longer ones in parts."""
    for paragraph in _PARAGRAPH_END.split(text):
        if count_words(paragraph) > words:
            yield from _parts_of(paragraph, words)
        elif paragraph.strip():
            yield paragraph.strip()


def _parts_of(paragraph: str, words: int) -> Iterator[str]:
    """A long paragraph cut between sentences; a long sentence, between words."""
    held = ""
    for sentence in _SENTENCE_END.split(paragraph):
        for piece in cut_by_words(sentence, words):
            joined = f"{held} {piece}" if held else piece
            if held and count_words(joined) > words:
                yield held
                joined = piece
            held = joined
    if held:
        yield held
