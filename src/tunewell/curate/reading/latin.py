"""Which reading of a text in Latin letters is right: the one whose letters its language has.

The legacy code pages of Europe differ in few letters, and every one of them gives a text. The words
without such letters tell the language; the language tells which letters there can be.
"""

from __future__ import annotations

import functools
import re

from tunewell.checks.language import likely_languages

_ALPHABETS = {
    "af": "êëèéïîôû",
    "ca": "àçéèíïóòúü·",
    "cs": "áčďéěíňóřšťúůýž",
    "cy": "âêîôûŵŷáéíóúäëïö",
    "da": "æøåéó",
    "de": "äöüßé",
    "en": "éèêëïôöüçñà£",
    "eo": "ĉĝĥĵŝŭ",
    "es": "áéíñóúü¿¡ºª",
    "et": "äõöüšž",
    "eu": "ñçü",
    "fi": "äöåšž",
    "fr": "àâæçéèêëîïôœùûüÿ",
    "ga": "áéíóú",
    "gl": "áéíñóúüï",
    "hr": "čćđšž",
    "hu": "áéíóöőúüű",
    "is": "áðéíóúýþæö",
    "it": "àèéìíîòóùú",
    "lt": "ąčęėįšųūž",
    "lv": "āčēģīķļņšūž",
    "mt": "ċġħżàèìòù",
    "nl": "éèëïöüêáóí",
    "no": "æøåéóòôêà",
    "oc": "àáçéèíïóòúü",
    "pl": "ąćęłńóśźż",
    "pt": "áàâãçéêíóôõúüºª",
    "ro": "ăâîșțşţ",
    "sk": "áäčďéíĺľňóôŕšťúýž",
    "sl": "čšžćđ",
    "sq": "ëç",
    "sv": "åäöéüà",
    "tr": "çğıöşüâîû",
}
_SAME = {"nn": "no", "nb": "no", "bs": "hr", "sr": "hr", "sh": "hr", "als": "de", "bar": "de"}
_USUAL = frozenset("“”‘’„‚–—…€£°§«»¡¿·×©®™•´²³½ºª¬ \u00a0\u00ad")
_INSIDE = frozenset("’‘·\u00ad")
"""Signs that may stand between two letters of a word."""

_PIECES = re.compile(r"[\n\r\t\"{}\[\]|;]+|(?<=[.!?])\s")
_KEY = re.compile(r"\"\w{1,40}\"\s*:")
_MOST_PIECES = 80
_LONGEST = 300
_UNKNOWN_FIT = 0.3
"""Of a language whose letters are not listed here."""


def latin_fit(text: str) -> float:
    """How well the letters of a text are those of the languages that it is in, from 0 to 1.

    Example:
        >>> right, wrong = "Kde je měřič? Ve sklepě.", "Kde je mìøiè? Ve sklepì."
        >>> latin_fit(right) > latin_fit(wrong)
        True
    """
    pieces = [piece for piece in _PIECES.split(_KEY.sub("\n", text)) if not piece.isascii()]
    fit = 0.0
    weight = 0
    for piece in pieces[:_MOST_PIECES]:
        signs = sum(sign > "\x7f" for sign in piece[:_LONGEST])
        fit += signs * _fit(piece[:_LONGEST])
        weight += signs
    return fit / weight if weight else 0.0


@functools.lru_cache(maxsize=4096)
def _fit(piece: str) -> float:
    shares = likely_languages(piece)
    if not shares:
        return max(_share(piece, letters) for letters in _ALPHABETS.values())
    total = sum(share for _, share in shares)
    found = 0.0
    for code, share in shares:
        letters = _ALPHABETS.get(_SAME.get(code, code))
        found += share * (_UNKNOWN_FIT if letters is None else _share(piece, letters))
    return found / total


def _share(piece: str, letters: str) -> float:
    """The share of the signs beyond ASCII that a language with these letters has."""
    good = several = 0
    for place, sign in enumerate(piece):
        if sign <= "\x7f":
            continue
        several += 1
        before, behind = piece[place - 1 : place], piece[place + 1 : place + 2]
        is_inside = before.isalpha() and behind.isalpha()
        if sign.isalpha() and sign.lower() in letters:
            good += 1
        elif sign in _USUAL and (sign in _INSIDE or not is_inside):
            good += 1
    return good / several if several else 1.0
