"""Certain repairs of a text: mojibake, control characters, white space.

What is not certain is left alone.
"""

from __future__ import annotations

import re
import unicodedata

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\u200b\u2060\ufeff\ufffe\uffff]")
_SPACES = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u3000]+(?=\n|$)|[\t\u00a0\u2000-\u200a\u202f]")
_MANY = re.compile(r"\n{4,}")
_NEEDS = re.compile(r"[^\n -~]|\s$|^\s|[ ]\n|\n{4,}")
# Beginnings of UTF-8 sequences that were read as Windows-1252: without one there is nothing for
# ftfy to mend.
_MOJIBAKE = re.compile("[ÃÂâÐÑØÙðïåäçéèæ\u00c3\u00c2\u00e2].?[\u0080-\u00bf\u0152-\u2122]|ï»¿")


def repair(text: str) -> tuple[str, tuple[str, ...]]:
    r"""The text with certain repairs, and the rules that changed it.

    Example:
        >>> repair("Ich mÃ¶chte\u200b zahlen.  ")
        ('Ich möchte zahlen.', ('mojibake', 'control characters', 'white space'))
        >>> repair("fine")
        ('fine', ())
    """
    rules: dict[str, None] = {}
    for _ in range(
        4
    ):  # one repair can lay bare the next: a control character between two halves of a mojibake
        mended, done = _repair_once(text)
        rules |= dict.fromkeys(done)
        if mended == text:
            break
        text = mended
    return text, tuple(rules)


def _repair_once(text: str) -> tuple[str, list[str]]:
    if not _NEEDS.search(text):
        return text, []
    rules: list[str] = []
    if not text.isascii() and _MOJIBAKE.search(text):
        import ftfy

        mended = ftfy.fix_encoding(text)
        if mended != text:
            text = mended
            rules.append("mojibake")
    mended = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    bare = _CONTROL.sub("", mended)
    if bare != mended:
        rules.append("control characters")
    tidy = _MANY.sub("\n\n\n", _SPACES.sub(_space, bare)).strip()
    if tidy != bare or "\r" in text:
        rules.append("white space")
    if not tidy.isascii():
        composed = unicodedata.normalize("NFC", tidy)
        if composed != tidy:
            tidy = composed
            rules.append("Unicode form")
    return tidy, rules


def _space(match: re.Match[str]) -> str:
    at_end = match.end() == len(match.string) or match.string[match.end()] == "\n"
    if at_end:
        return ""
    return "\t" if match[0] == "\t" else " "
