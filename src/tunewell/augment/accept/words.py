"""The words of rows, in any script, as acceptance compares them."""

from __future__ import annotations

import json
import re
from typing import Final

from tunewell.checks.segments import words_of as words_of_any_script
from tunewell.json_text import parse_json
from tunewell.types import Example

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d[\d.,]*\d|\d")
_BEYOND_LATIN = re.compile("[^\0-\u02ff\u0370-\u052f\u1e00-\u20cf]")
"""Scripts whose words `_WORD` does not know: without spaces, or with vowels that are marks."""

_POSSESSIVE = re.compile(r"['’]s$")
_SHORTEST: Final = 4
"""Letters of a stem."""

_CAPITALISED = re.compile(r"\b[^\W\d_a-z][^\W\d_]*(?:['’][^\W\d_]+)?")


def words_of(text: str) -> list[str]:
    """The words and numbers of a text, in small letters; segments where no spaces part words.

    Example:
        >>> words_of("Pay 84.20 EUR, Mr Okafor!"), words_of("支払い 5")
        (['pay', '84.20', 'eur', 'mr', 'okafor'], ['支', '払', 'い', '5'])
    """
    small = text.casefold()
    if not text.isascii() and _BEYOND_LATIN.search(text):
        return words_of_any_script(small)
    return _WORD.findall(small)


def text_of(example: Example) -> str:
    """What of a row is compared: input and target, a line each."""
    return f"{example.input}\n{unescaped(example.target)}"


def plain(text: str) -> str:
    """A text in small letters with single spaces."""
    return " ".join(text.casefold().split())


def stem(word: str) -> str:
    """A word without what inflection adds."""
    bare = _POSSESSIVE.sub("", word)
    return bare[: max(_SHORTEST, len(bare) - 3)]


def capitalised(text: str) -> set[str]:
    """Words with a capital, in small letters: names, mostly. None in a text of capitals.

    Example:
        >>> sorted(capitalised("Eustace's fee is due, says Milford.")), capitalised("PAY NOW")
        (["eustace's", 'milford'], set())
    """
    if text.isupper():
        return set()
    return {word.casefold() for word in _CAPITALISED.findall(text) if not word[0].islower()}


def unescaped(target: str) -> str:
    """An answer that is JSON, its letters as they are read."""
    if "\\u" not in target or not target.lstrip().startswith(("{", "[")):
        return target
    try:
        return json.dumps(parse_json(target), ensure_ascii=False)
    except ValueError:
        return target
