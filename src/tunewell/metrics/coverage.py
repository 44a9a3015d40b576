"""How much of one text's content words another holds: of the reference in the answer, of the answer in the input."""

from __future__ import annotations

import re

from tunewell.metrics.text import normalise

_STOP = frozenset(
    "a an the of to in on for and or is are was were be been has have had he she they it his her their this that with "
    "at by from as not no who whom what when where how do does did will would can could may i you we my your our us me "
    "him them there here also than then so but if any some s t".split()
)
_ENDINGS = ("ingly", "edly", "ing", "ed", "es", "ly", "s")


def content_words(text: str, *, language: str = "en") -> list[str]:
    """Stems of the words that carry content, numbers in one writing, in order.

    Example:
        >>> content_words("She has been taking 2 tablets daily.")
        ['tak', '2', 'tablet', 'dai']
    """
    words = re.findall(r"[^\W_]+(?:[.,-]\d+)*%?", normalise(text, language))
    return [_stem(w) for w in words if w not in _STOP]


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def covered(output: str, target: str, *, language: str = "en") -> float:
    """Share of the gold answer's content words that the output holds; 1 if it has none.

    Example:
        >>> covered("Pain in the left knee.", "Left knee pain when running")
        0.75
    """
    have = set(content_words(output, language=language))
    wanted = content_words(target, language=language)
    return sum(w in have for w in wanted) / len(wanted) if wanted else 1.0


def grounded(output: str, given: str, *, language: str = "en") -> float:
    """Share of the output's content words that the input holds; 1 if it has none.

    Example:
        >>> grounded("Left knee pain", "My left knee hurts")
        0.6666666666666666
    """
    return covered(given, output, language=language)
