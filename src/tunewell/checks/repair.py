"""Certain repairs of a text: mojibake, control characters, white space.

What is not certain is left alone.
"""

from __future__ import annotations

import re
import unicodedata

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\u200b\u2060\ufeff\ufffe\uffff]")
_SPACES_AT_LINE_END = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u3000]+(?=\n|$)")
_UNUSUAL_SPACE = re.compile(r"[\u00a0\u2000-\u200a\u202f]")
_MANY = re.compile(r"\n{4,}")
_NEEDS = re.compile(r"[^\n -~]|\s$|^\s|[ ]\n|\n{4,}")
# Beginnings of UTF-8 sequences that were read as Windows-1252: without one there is nothing for
# ftfy to repair.
_MOJIBAKE = re.compile("[ÃÂâÐÑØÙðïåäçéèæ\u00c3\u00c2\u00e2].?[\u0080-\u00bf\u0152-\u2122]|ï»¿")
_MOST_PASSES = 4


def repair(text: str) -> tuple[str, tuple[str, ...]]:
    r"""The text with certain repairs, and the rules that changed it.

    Example:
        >>> repair("Ich mÃ¶chte\u200b zahlen.  ")
        ('Ich möchte zahlen.', ('mojibake', 'control characters', 'white space'))
        >>> repair("fine")
        ('fine', ())
    """
    rules: dict[str, None] = {}
    # One repair can lay bare the next: a control character between two halves of a mojibake.
    for _ in range(_MOST_PASSES):
        repaired, done = _repair_once(text)
        rules |= dict.fromkeys(done)
        if repaired == text:
            break
        text = repaired
    return text, tuple(rules)


def _repair_once(text: str) -> tuple[str, list[str]]:
    if not _NEEDS.search(text):
        return text, []

    decoded = _without_mojibake(text)
    lines = decoded.replace("\r\n", "\n").replace("\r", "\n")
    bare = _CONTROL.sub("", lines)
    tidy = _tidy_spaces(bare)
    composed = unicodedata.normalize("NFC", tidy)

    changed = {
        "mojibake": decoded != text,
        "control characters": bare != lines,
        "white space": (decoded, bare) != (lines, tidy),
        "Unicode form": composed != tidy,
    }
    return composed, [rule for rule, applied in changed.items() if applied]


def _tidy_spaces(text: str) -> str:
    """Plain spaces, none at the ends of lines, at most three line breaks together."""
    text = _SPACES_AT_LINE_END.sub("", text)
    text = _UNUSUAL_SPACE.sub(" ", text)
    return _MANY.sub("\n\n\n", text).strip()


def _without_mojibake(text: str) -> str:
    if text.isascii() or not _MOJIBAKE.search(text):
        return text

    import ftfy

    fixed: str = ftfy.fix_encoding(text)
    return fixed
