"""Words of any script: between spaces where a script has them, else character by character.

Chinese, Japanese, Thai, Lao, Khmer, Burmese and Tibetan put no spaces between words. There a
segment stands for a word: one Han or kana character, or one consonant with the vowels and tone
marks around it (the character cluster of Theeramunkong et al. 2000, Character Cluster Based Thai
Information Retrieval).
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

UNSPACED = "Chinese, Japanese, Thai, Lao, Khmer, Burmese or Tibetan"
"""Scripts in which a segment is counted as a word, for people."""

_HAN_AND_KANA = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fd-\u30ff"
)
_HAN_AND_KANA += (
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff"
)
_SEGMENT = (
    # A Japanese long vowel mark, a voicing mark or a variation selector belongs to its character.
    rf"[{_HAN_AND_KANA}][\u30fc\u3099\u309a\uff9e\uff9f\ufe00-\ufe0f\U000e0100-\U000e01ef]*"
    "|[\u0e40-\u0e44]?[\u0e01-\u0e2f][\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]*[\u0e30\u0e32\u0e33\u0e45]?"
    "|[\u0ec0-\u0ec4]?[\u0e81-\u0eaf\u0edc-\u0edf][\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece]*[\u0eb0\u0eb2\u0eb3]?"
    "|[\u1780-\u17b3](?:\u17d2[\u1780-\u17b3]|[\u17b4-\u17d1\u17dd])*"
    "|[\u1000-\u102a\u103f\u1050-\u1055](?:\u1039[\u1000-\u102a]|"
    "[\u102b-\u1038\u103a-\u103e\u1056-\u109d])*"
    "|[\u0f40-\u0fbc]+"
)
_UNSPACED = re.compile(_SEGMENT)
_MARKS = "\u0300-\u036f\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"
"""Vowels and accents that are letters of their word, though Python's ``\\w`` does not know them."""
_WORDS = re.compile(rf"{_SEGMENT}|(?:(?!{_SEGMENT})[^\W_])(?:(?!{_SEGMENT})(?:[^\W_]|[{_MARKS}]))*")
_PLAIN_WORDS = re.compile(r"[^\W_]+")
_MAY_BE_UNSPACED = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u2e80-\ua4cf\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff]"
)
_LATIN = re.compile("[^\0-\u02ff\u2000-\u206f\u20a0-\u20cf]")


def is_unspaced(text: str) -> bool:
    """Whether some of a text is in a script without spaces between words.

    Example:
        >>> is_unspaced("支払い"), is_unspaced("pay")
        (True, False)
    """
    return not text.isascii() and _MAY_BE_UNSPACED.search(text) is not None


def words_of(text: str) -> list[str]:
    """Words and numbers without punctuation; segments in scripts without spaces.

    Example:
        >>> words_of("Don't pay €5."), words_of("支払い方法は?"), words_of("हिन्दी में")
        (['Don', 't', 'pay', '5'], ['支', '払', 'い', '方', '法', 'は'], ['हिन्दी', 'में'])
    """
    if text.isascii() or not _LATIN.search(text):
        return _PLAIN_WORDS.findall(text)
    return _WORDS.findall(text)


def count_words(text: str) -> int:
    """Words between white space, and segments in scripts without spaces.

    Example:
        >>> count_words("It costs 5 euros."), count_words("費用は 5 ユーロです。")
        (4, 8)
    """
    if not is_unspaced(text):
        return len(text.split())
    segments = len(_UNSPACED.findall(text))
    rest = _UNSPACED.sub(" ", text).split()
    return segments + sum(any(map(str.isalnum, part)) for part in rest)


def main_script(text: str) -> str:
    """The script of most letters at the beginning of a text, as Unicode names it; "" without any.

    Example:
        >>> main_script("用“oak”造一个句子"), main_script("The oak"), main_script("5")
        ('CJK', 'LATIN', '')
    """
    scripts = _scripts(text)
    return max(scripts, key=scripts.__getitem__, default="")


def has_word_in(text: str, script: str) -> bool:
    """Whether a text has a word's worth of letters in a script.

    Example:
        >>> has_word_in("用“oak”造句", "LATIN"), has_word_in("造句", "LATIN")
        (True, False)
    """
    return _scripts(text)[script] >= _WORD_LETTERS


_WORD_LETTERS = 3
_LOOKED_AT = 400


def _scripts(text: str) -> Counter[str]:
    """How many letters of the beginning of a text are of each script."""
    letters = filter(str.isalpha, text[:_LOOKED_AT])
    return Counter(unicodedata.name(letter, "?").partition(" ")[0] for letter in letters)


def cut_by_words(text: str, most: int) -> Iterator[str]:
    """A text without line breaks in parts of at most so many words, or segments.

    Example:
        >>> list(cut_by_words("one two three", 2)), list(cut_by_words("一二三。四五", 3))
        (['one two', 'three'], ['一二三。', '四五'])
    """
    start = end = count = 0
    for match in re.finditer(r"\S+", text):
        for _, stop in _parts(match[0]):
            if count == most:
                yield text[start:end].strip()
                start, count = end, 0
            count += 1
            end = match.start() + stop
    if text[start:].strip():
        yield text[start:].strip()


def _parts(word: str) -> Iterator[tuple[int, int]]:
    """Where the segments of what stands between spaces begin and end, with their punctuation."""
    if not is_unspaced(word):
        yield 0, len(word)
        return
    starts = [match.start() for match in re.finditer(rf"{_SEGMENT}|(?:(?!{_SEGMENT})\w)+", word)]
    bounds = [0, *starts[1:], len(word)]
    yield from itertools.pairwise(bounds)
