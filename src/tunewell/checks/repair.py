"""Certain repairs of a text: mojibake, control characters, white space.

What is not certain is left alone: code, patches, indentation, line breaks of Markdown, text about
encodings.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from tunewell.checks.verbatim import is_about_encodings, is_verbatim

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\u2060\ufeff\ufffe\uffff]")
# Thai, Lao, Burmese and Khmer mark with it where a line may break.
_ZERO_WIDTH = re.compile(
    r"(?<![\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff])\u200b(?![\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff])"
)
_BLANK_AT_LINE_END = re.compile(r"(?<=\S)(?:[ \t\u3000]|[ \t\u3000]{4,})(?=\n)")
"""Two or three blanks are a line break of Markdown; a line of blanks may be one of a patch."""

_BLANKS_AT_END = re.compile(r"(?<=\S)[ \t\u3000]{2,}\n*\Z|(?<=\S)\n{3,}\Z")
_MANY = re.compile(r"\n{4,}")
_NEEDS = re.compile(r"[^\n -~]|\s\s\Z|[ ]\n|\n{4,}")
_MARK = re.compile(r"[\u0300-\u036f]")
# Beginnings of UTF-8 sequences that were read as Windows-1252: without one there is nothing for
# ftfy to repair.
_MOJIBAKE = re.compile("[ÃÂâÐÑØÙðïåäçéèæ\u00c3\u00c2\u00e2].?[\u0080-\u00bf\u0152-\u2122]|ï»¿")
_MOST_PASSES = 4

_FEW_LETTERS = 3
"""A text that holds so few garbled letters, and the right ones as well, may speak of them."""


def repair(text: str, *, garbled_may_be_meant: bool = False) -> tuple[str, tuple[str, ...]]:
    r"""The text with certain repairs, and the rules that changed it.

    Args:
        text: The text.
        garbled_may_be_meant: Whether the conversation that it belongs to is about encodings.

    Example:
        >>> repair("Ich mÃ¶chte\u200b zahlen.  ")
        ('Ich möchte zahlen.', ('mojibake', 'control characters', 'white space'))
        >>> repair("fine")
        ('fine', ())
        >>> repair("--- a/x\n+++ b/x\n \n-a  ")
        ('--- a/x\n+++ b/x\n \n-a  ', ())
    """
    rules: dict[str, None] = {}
    # One repair can lay bare the next: a control character between two halves of a mojibake.
    for _ in range(_MOST_PASSES):
        repaired, done = _repair_once(text, garbled_may_be_meant)
        rules |= dict.fromkeys(done)
        if repaired == text:
            break
        text = repaired
    return text, tuple(rules)


def repair_turns(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """The texts of a conversation after `repair`, and the rules that changed them.

    Example:
        >>> repair_turns(["What is mojibake?", "It is cafÃ© for café."])
        (['What is mojibake?', 'It is cafÃ© for café.'], [])
    """
    if all(map(_is_plain, texts)):
        return list(texts), []
    meant = any(is_about_encodings(text) for text in texts)
    repaired: list[str] = []
    rules: dict[str, None] = {}
    for text in texts:
        after, changed_by = repair(text, garbled_may_be_meant=meant)
        repaired.append(after)
        rules.update(dict.fromkeys(changed_by))
    return repaired, list(rules)


def _is_plain(text: str) -> bool:
    return not _NEEDS.search(text)


def _repair_once(text: str, garbled_may_be_meant: bool) -> tuple[str, list[str]]:
    if _is_plain(text) or is_verbatim(text):
        return text, []

    decoded = text if garbled_may_be_meant else _without_mojibake(text)
    lines = decoded.replace("\r\n", "\n").replace("\r", "\n")
    bare = _ZERO_WIDTH.sub("", _CONTROL.sub("", lines))
    tidy = _tidy_spaces(bare)
    # Letters with loose accents only: in other scripts the composed form is not what people type.
    composed = unicodedata.normalize("NFC", tidy) if _MARK.search(tidy) else tidy

    changed = {
        "mojibake": decoded != text,
        "control characters": bare != lines,
        "white space": (decoded, bare) != (lines, tidy),
        "Unicode form": composed != tidy,
    }
    return composed, [rule for rule, applied in changed.items() if applied]


def _tidy_spaces(text: str) -> str:
    """No stray blanks at the ends of lines, at most three line breaks together."""
    text = _BLANK_AT_LINE_END.sub("", text)
    text = _BLANKS_AT_END.sub("", text)
    return _MANY.sub("\n\n\n", text)


def _without_mojibake(text: str) -> str:
    if text.isascii() or not _MOJIBAKE.search(text) or is_about_encodings(text):
        return text

    import ftfy

    fixed: str = ftfy.fix_encoding(text)
    return text if _shows_both(text, fixed) else fixed


def _shows_both(text: str, fixed: str) -> bool:
    """Whether a text holds a few garbled letters beside the right ones, as one about them does."""
    garbled = len(_MOJIBAKE.findall(text))
    right = {letter for letter in fixed if letter.isalpha() and not letter.isascii()}
    return garbled <= _FEW_LETTERS and any(text.count(letter) for letter in right)
