"""Letters that look like Latin ones, in texts that mix alphabets within a word."""

from __future__ import annotations

import re

_LOOK_ALIKE = str.maketrans(
    "аАеЕоОрРсСхХуУіІјЈѕЅԁԛԝһмМтТвВнНкКзбгпԍαΑεΕοΟρΡχΧυΥιΙκΚνΝτΤΒΗΜΖγηɑɡıℓո",
    "aAeEoOpPcCxXyYiIjJsSdqwhmMtTBBHHkK3brngaAeEoOpPxXuYiIkKvNtTBHMZynagiln",
)
_LATIN = re.compile(r"[A-Za-z]")
_OTHER = re.compile("[\u0370-\u03ff\u0400-\u052f\u0251\u0261\u0131\u0578]")
_WORD = re.compile(r"[^\W\d_]+")
_UNSEEN = dict.fromkeys([0x200B, 0x2060, 0xFEFF, 0x00AD])


def plain_letters(text: str) -> str:
    r"""The text in Latin letters, where letters of other alphabets stand in for them.

    A word of two alphabets gives such a text away; a text that merely holds words of several
    languages, or Greek letters in formulas, is left as it is.

    Example:
        >>> plain_letters("tran\u0455fer my \u0441\u0430sh"), plain_letters("α is not a")
        ('transfer my cash', 'α is not a')
        >>> plain_letters("K\u00fc\u0441h\u0435")
        'Küche'
    """
    if text.isascii():
        return text
    text = text.translate(_UNSEEN)
    if not _OTHER.search(text) or not any(map(_is_mixed, _WORD.findall(text))):
        return text
    return _WORD.sub(_folded, text)


def _is_mixed(word: str) -> bool:
    return _OTHER.search(word) is not None and _LATIN.search(word) is not None


def _folded(found: re.Match[str]) -> str:
    """The word in Latin letters, accents among them, if all of them have one."""
    word = found[0].translate(_LOOK_ALIKE)
    return found[0] if _OTHER.search(word) else word
