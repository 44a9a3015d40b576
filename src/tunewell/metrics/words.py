"""Words in every script: between spaces where it has them, else character by character."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from tunewell.metrics.characters import is_mark, is_unspaced, is_word_character

_ASCII_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """Words and numbers, in order; of scripts without spaces each character with its marks.

    Example:
        >>> words("Don't pay 5.")
        ['Don', 't', 'pay', '5']
        >>> words("請在14天內付款。"), words("नमस्ते दुनिया")
        (['請', '在', '14', '天', '內', '付', '款'], ['नमस्ते', 'दुनिया'])
    """
    if text.isascii():
        return _ASCII_WORD.findall(text)
    found: list[str] = []
    for in_word, letters in groupby(text, is_word_character):
        if in_word:
            found += _parts("".join(letters))
    return found


def _parts(run: str) -> Iterator[str]:
    """A run of letters cut where a script without spaces begins and ends."""
    start = 0
    unspaced = False
    for place, character in enumerate(run):
        # A mark belongs to what is before it.
        if is_mark(character):
            continue
        changes = is_unspaced(character) != unspaced
        if changes and place > start:
            yield from _pieces(run[start:place], unspaced)
        if changes:
            start, unspaced = place, not unspaced
    yield from _pieces(run[start:], unspaced)


def _pieces(run: str, unspaced: bool) -> Iterator[str]:
    if unspaced:
        yield from characters_of(run)
    elif run:
        yield run


def characters_of(run: str) -> list[str]:
    """The characters of a run in a script without spaces, each with its marks.

    Example:
        >>> characters_of("ที่นี่")
        ['ที่', 'นี่']
    """
    found: list[str] = []
    for character in run:
        if found and is_mark(character):
            found[-1] += character
        else:
            found.append(character)
    return found


def count_words(text: str) -> int:
    """Words between spaces; in scripts without spaces the characters.

    Example:
        >>> count_words("It's 5 p.m."), count_words("請付款。"), count_words("")
        (3, 3, 0)
    """
    if text.isascii():
        return len(text.split())
    count = 0
    for written in text.split():
        is_spaced = not any(map(is_unspaced, written))
        count += 1 if is_spaced else len(words(written))
    return count
