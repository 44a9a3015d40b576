"""Characters that a reader takes for the same: invisible ones, widths, compositions, scripts."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

_JOINER: Final = "\u200d"
_NON_JOINER: Final = "\u200c"
_BLACK_FLAG: Final = "\U0001f3f4"
_FORMAT: Final = "Cf"
_INVISIBLE_LETTERS: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0"
)
"""No format characters by category, yet drawn as nothing (Unicode: Default_Ignorable)."""
_VARIATION: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\u20e3]")
"""Variation selectors and the keycap: how a character is drawn, not which one it is."""
_WIDTHS: Final = ("<wide>", "<narrow>")

UNSPACED: Final = (
    "\u0e00-\u0e7f"  # Thai
    "\u0e80-\u0eff"  # Lao
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Myanmar
    "\u1780-\u17ff"  # Khmer
    "\u0f00-\u0fff"  # Tibetan
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # Kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
"""Scripts that put no space between words, as the inside of a character class."""


def visible(text: str) -> str:
    r"""A text as a reader sees it: composed (NFC), one width, without invisible characters.

    The joiners of emoji and of scripts that are shaped by them stay.

    Example:
        >>> visible("\ufeffbill\u00ading\u200b") == visible("billing")
        True
        >>> visible("Cafe\u0301") == visible("Café")
        True
        >>> visible("ＡＢ１")
        'AB1'
    """
    if text.isascii():
        return text
    seen: list[str] = []
    for character in text:
        if _is_shown(character, seen):
            seen.append(_one_width(character))
    return unicodedata.normalize("NFC", _VARIATION.sub("", "".join(seen)))


def _is_shown(character: str, before: list[str]) -> bool:
    if character in (_JOINER, _NON_JOINER):
        return _joins(before)
    if character in _INVISIBLE_LETTERS:
        return False
    if unicodedata.category(character) != _FORMAT:
        return True
    # The flags of England, Scotland and Wales are spelled in invisible letters.
    is_tag = "\U000e0020" <= character <= "\U000e007f"
    return is_tag and _BLACK_FLAG in before[-8:]


def _joins(before: list[str]) -> bool:
    """Whether a joiner changes what is before it: an emoji, an Arabic or an Indic letter."""
    for character in reversed(before):
        if _VARIATION.match(character):
            continue
        category = unicodedata.category(character)
        is_shaped = "\u0600" <= character <= "\u0dff"
        return is_shaped or category in ("So", "Sk")
    return False


@cache
def _one_width(character: str) -> str:
    """The usual width of a fullwidth or halfwidth character."""
    if unicodedata.decomposition(character).startswith(_WIDTHS):
        return unicodedata.normalize("NFKC", character)
    return character


@cache
def is_mark(character: str) -> bool:
    """Whether a character is drawn on the one before it: a vowel sign, a tone, an accent."""
    return unicodedata.category(character)[0] == "M"


@cache
def is_word_character(character: str) -> bool:
    """Whether a character is part of a word or a number.

    Example:
        >>> [is_word_character(c) for c in ("a", "7", "ि", "+", "_", "。")]
        [True, True, True, False, False, False]
    """
    return unicodedata.category(character)[0] in "LNM"
