"""Which marks carry meaning (signs, operators, emoji, accents) and which are punctuation."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

from tunewell.metrics.characters import UNSPACED

_KEPT: Final = "\ue000"
"""Stands for a hyphen that carries meaning, while the others are taken out (private use)."""
_MEANINGFUL: Final = frozenset("%‰‱@#&*/\\′″‴§.,:'·")
"""Punctuation by its Unicode category, yet an operator or a unit; the last five only in numbers."""
_LETTER: Final = r"[^\W\d_]"

# --- decoration -----------------------------------------------------------------------------------

_HEADING: Final = re.compile(r"^[ \t]*(?:#{1,6}|[*•▪◦‣·])[ \t]+(?=\S)", re.MULTILINE)
_EMPHASIS: Final = re.compile(r"(?<![\w*])(\*{1,3})(?=[^\s*])([^*]*[^\s*])\1(?![\w*])")
_QUOTED: Final = re.compile(r"(?<!\w)(\"|')(?=\S)([^\"'\n]*?\S)\1(?!\w)")
_FORMULA: Final = re.compile(r"\s*\$([^$]+)\$\s*")
_QUOTES: Final = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'", "“": '"', "”": '"'})


def undecorated(text: str) -> str:
    """A text without Markdown emphasis, headings, bullets, quotes and the marks of a formula.

    Example:
        >>> undecorated("**12 %**"), undecorated("'yes'"), undecorated("2*3*4"), undecorated("$x$")
        ('12 %', 'yes', '2*3*4', 'x')
    """
    text = text.translate(_QUOTES)
    formula = _FORMULA.fullmatch(text)
    text = formula[1] if formula else text
    text = _HEADING.sub("", text)
    text = _EMPHASIS.sub(r"\2", text)
    return _QUOTED.sub(r"\2", text)


# --- hyphens and minus signs ----------------------------------------------------------------------

_DASHES: Final = re.compile("[\u2010-\u2013\u2212\ufe58\ufe63\uff0d\u207b\u208b]")
_LONG_DASH: Final = re.compile("(?<=[0-9])[\u2014\u2015](?=[0-9])")
_BEFORE_SIGN: Final = r"(?:^|(?<=[\n(\[{=<>≤≥≠≈±+*/×÷^|~]))"
_HYPHENS: Final = (
    # 5-10, 5 - 3
    re.compile(r"(?<=[\d%])(?:-| - |- )(?=\d)"),
    # x-1, A - B
    re.compile(rf"(?<![\w-])({_LETTER})(?:-| - )(?=\d|{_LETTER}(?!\w))"),
    # = - 5, and - 5 at the start of a line
    re.compile(rf"{_BEFORE_SIGN}[ \t]*-\s*(?=\d)", re.MULTILINE),
    # -5, -x, --force
    re.compile(r"(?:^|(?<=[\s(\[{=<>≤≥≠≈±+*/×÷^|~]))-+(?=\w)"),
    # AB-
    re.compile(r"(?<=[\w+)])-+(?=[\s.,;:!?)\]}'\"]|$)"),
    # AB -
    re.compile(r"(?<=\w) -(?=\s*$)"),
    # ->, <-
    re.compile(r"-+(?=>)|(?<=<)-+"),
)


def with_one_hyphen(text: str) -> str:
    """A text in which every hyphen, minus and short dash is ``-``.

    Example:
        >>> with_one_hyphen("−5, 5–10, AB‑")
        '-5, 5-10, AB-'
    """
    return _LONG_DASH.sub("-", _DASHES.sub("-", text))


def _with_kept_hyphens(text: str) -> str:
    """Signs and minus signs as `_KEPT`, hyphens between words and dashes as spaces."""
    for number, pattern in enumerate(_HYPHENS):
        group = r"\1" if pattern.groups else ""
        if number in (3, 4, 6):
            # As many as there are.
            text = pattern.sub(lambda match: _KEPT * len(match.group()), text)
        else:
            text = pattern.sub(group + _KEPT, text)
    return text.replace("-", " ").replace(_KEPT, "-")


# --- operators ------------------------------------------------------------------------------------

_DIGRAPHS: Final = {
    "<=": "≤",
    "=<": "≤",
    ">=": "≥",
    "!=": "≠",
    "<>": "≠",
    "+/-": "±",
    "+-": "±",
    "==": "=",
}
_DIGRAPH: Final = re.compile(r"(?<![<>=!+-])(?:<=|=<|>=|!=|<>|\+/-|\+-(?=\d)|==)(?![<>=])")
_TIMES: Final = re.compile(r"(?<=\d)\s*[*×✕⋅∙·x]\s*(?=\d)|(?<=\d) \s*x\s* (?=\d)")
_BINARY: Final = re.compile(r"(?<=[\w%)])(?:([+×÷=])|\s+([+×÷=])\s+)(?=[\w(.$√-])")
_COMPARES: Final = re.compile(r"\s*([<>≤≥≠≈~]=?)\s*(?=[\w.+(-])")
_SIGN_APART: Final = re.compile(r"(?:^|(?<=[(\[{=<>≤≥≠≈]))\s*([+±])\s*(?=\d)")
_TIGHT: Final = re.compile(r"\s*([/^\\])\s*")
_SIGN_BEHIND: Final = re.compile(r"(?<=\w) \+(?=\s*$)")
_PRIMES: Final = ((re.compile(r"(?<=\d)\"(?!\w)"), "″"), (re.compile(r"(?<=\d)'(?!\w)"), "′"))


def _with_plain_operators(text: str) -> str:
    text = _DIGRAPH.sub(lambda match: _DIGRAPHS[match.group()], text)
    text = _TIMES.sub(" × ", text)
    text = _SIGN_APART.sub(r" \1", text)
    text = _BINARY.sub(lambda match: f" {match[1] or match[2]} ", text)
    text = _COMPARES.sub(r" \1", text)
    text = _SIGN_BEHIND.sub("+", text)
    for pattern, prime in _PRIMES:
        text = pattern.sub(prime, text)
    return _TIGHT.sub(r"\1", text)


# --- what is left ---------------------------------------------------------------------------------

_OUTSIDE_NUMBERS: Final = re.compile(r"(?<!\d)[.,:'·]|[.,:'·](?!\d)")
_LOOSE_MARK: Final = re.compile(r"(?<!\S)[\u0300-\u036f]+")
_SPACE_BETWEEN: Final = re.compile(rf"(?<=[{UNSPACED}]) (?=[{UNSPACED}])")


class _Replacements(dict[int, str]):
    """By code point: punctuation is a space, symbols stand alone, everything else stays."""

    def __missing__(self, code: int) -> str:
        self[code] = _replacement(chr(code))
        return self[code]


@cache
def _replacement(character: str) -> str:
    category = unicodedata.category(character)
    if character in _MEANINGFUL or character == _KEPT:
        return character
    if character == "-" or character == "°":
        return character
    if category in ("So", "Sc"):
        return f" {character} "
    is_punctuation = category[0] == "P" or category in ("Cc", "Zs", "Zl", "Zp")
    return " " if is_punctuation else character


_REPLACEMENTS: Final = _Replacements()


def without_punctuation(text: str) -> str:
    """A text whose punctuation is gone; signs, operators, emoji and combining marks stay.

    Args:
        text: Small letters, numbers and amounts in plain writing.

    Example:
        >>> [without_punctuation(text) for text in ("ab+", "(well-known)!", "- 5", "x >=5")]
        ['ab+', 'well known', '-5', 'x ≥5']
    """
    text = _with_plain_operators(text)
    text = _with_kept_hyphens(text)
    text = _OUTSIDE_NUMBERS.sub(" ", text)
    text = text.translate(_REPLACEMENTS)
    text = " ".join(text.split())
    text = _LOOSE_MARK.sub("", text)
    return _SPACE_BETWEEN.sub("", text)
