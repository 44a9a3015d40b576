"""Which language a text is in: by its script, else by its commonest words.

Short or mixed texts stay undecided.
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections import defaultdict

_COMMON = """
en: i my how do what when where can me so would the and of to in is you that it for on are with as
    this be have from your we not will if or an at by
de: wie was wo wann mein meine kann ein einen der die und das ist nicht sie ich zu den mit eine
    auf für von dem des sich wir ihr im werden wird auch bei oder haben bitte wenn
fr: de la en un mon me comment je j où quand le les des et est vous pour dans une que pas sur avec
    ne ce qui nous votre au du sont être plus ou il
es: y de la en un al me mi cómo qué cuando cuál donde desde el los las que es una para con por su
    del se no lo más como pero sus este son está usted muy si tiene
it: e la un mi come quando dove vorrei il che di non una per con sono del della è le gli si più
    anche alla nel questo ha lei ma dei ho
nl: hoe wat waar ik mijn kan me was de het een van en is dat op te zijn voor met niet aan er om
    ook als bij maar u wij naar heeft wordt dit
pt: e de a um meu como quando onde o os as que não uma para com em do da se por mais mas ao foi
    ele das tem à seu sua você são está
pl: i w na z że nie się do to jest o jak za od po co czy przez ale był są tak dla lub może
sv: och att det som en på är av för med till den har de inte om ett men var jag vi kan så du från
da: og at det som en på er af for med til den har de ikke om et men var jeg vi kan så du fra
cs: a je v na se že to s z do o i jako k by pro ale po které jsem za který od nebo jsou
tr: ve bir bu için ile da de çok ne gibi daha var olarak ama en kadar sonra değil olan
"""
"""The commonest words of each language; words that several share are in all of them."""


def _languages_of_words() -> dict[str, list[str]]:
    """Each of the words with the languages in which it is common."""
    found: dict[str, list[str]] = defaultdict(list)
    for entry in re.split(r"\n(?=[a-z]{2}:)", _COMMON.strip()):
        code, words = entry.split(":")
        for word in sorted(set(words.split())):
            found[word].append(code)
    return dict(found)


_LANGUAGES = _languages_of_words()
_NO_EVIDENCE = dict.fromkeys(itertools.chain.from_iterable(_LANGUAGES.values()), 0.0)
_TOKEN = re.compile(r"[^\W\d_]+")
_SCRIPTS = (
    (re.compile("[\u3040-\u30ff]"), "ja"),
    (re.compile("[\uac00-\ud7af]"), "ko"),
    (re.compile("[\u4e00-\u9fff]"), "zh"),
    (re.compile("[\u0400-\u04ff]"), "ru"),
    (re.compile("[\u0600-\u06ff]"), "ar"),
    (re.compile("[\u0590-\u05ff]"), "he"),
    (re.compile("[\u0370-\u03ff]"), "el"),
    (re.compile("[\u0900-\u097f]"), "hi"),
    (re.compile("[\u0e00-\u0e7f]"), "th"),
)


def language(text: str) -> str:
    """ISO 639-1 code of the language of a text; empty where that is not certain.

    A script counts when a third of the letters are of it (``ru`` stands for all Cyrillic). In Latin
    script a language must have twice as much evidence from its commonest words as any other (words
    of several languages count less).

    Example:
        >>> language("How do I pay the bill that you have sent to me?")
        'en'
        >>> language("Wie kann ich die Rechnung zahlen, die sie mir geschickt haben?")
        'de'
        >>> language("ok")
        ''
    """
    text = text[:2_000]
    by_script = _by_script(text)
    if by_script:
        return by_script

    words = _TOKEN.findall(text.lower())
    if len(words) < 5:
        return ""

    weights = _evidence(words)
    best, second = heapq.nlargest(2, weights, key=weights.__getitem__)
    certain = weights[best] >= 2 and weights[best] >= 2 * weights[second]
    return best if certain else ""


def _by_script(text: str) -> str:
    """The language whose script a third of the letters are of; empty for Latin script."""
    if text.isascii():
        return ""
    letters = sum(map(str.isalpha, text))
    if not letters:
        return ""
    for pattern, code in _SCRIPTS:
        if len(pattern.findall(text)) * 3 > letters:
            return code
    return ""


def _evidence(words: list[str]) -> dict[str, float]:
    """How much the words speak for each language."""
    weights = _NO_EVIDENCE.copy()
    for word in words:
        codes = _LANGUAGES.get(word, [])
        for code in codes:
            # A word that many languages share says little.
            weights[code] += 1 / len(codes)
    return weights
