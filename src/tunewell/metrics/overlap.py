"""Generic metrics: how much an output shares with the gold answer.

They never open a gate alone (E01).
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from typing import Any

from rapidfuzz.distance import LCSseq

from tunewell.checks.segments import is_unspaced, words_of
from tunewell.metrics.normalise import normalise, tokens

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
CHRF_ORDER = 6
CHRF_BETA = 2.0


def exact(output: str, target: str) -> float:
    r"""1 if the output is the target, white space at the ends apart.

    Example:
        >>> exact(" yes\n", "yes"), exact("Yes", "yes")
        (1.0, 0.0)
    """
    return float(_nfc(output) == _nfc(target))


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def normalised(output: str, target: str, *, language: str = "en") -> float:
    """1 if they agree after case, white space, punctuation, number and date formats are made alike.

    Example:
        >>> normalised("It costs EUR 1,200.00.", "it costs 1200 €")
        1.0
    """
    return float(normalise(output, language) == normalise(target, language))


def _f(matches: float, of_output: float, of_target: float) -> float:
    if not of_output or not of_target:
        return float(of_output == of_target)
    precision, recall = matches / of_output, matches / of_target
    return 2 * precision * recall / (precision + recall) if matches else 0.0


def token_f1(output: str, target: str) -> float:
    """Harmonic mean of the shares of common words (without articles), as SQuAD measures answers.

    Source:
        Rajpurkar et al. 2016 (arXiv 1606.05250), section 6.1.

    Example:
        >>> round(token_f1("The cat sat", "a cat sat down"), 3)
        0.8
    """
    a, b = _squad(output), _squad(target)
    return _f(sum((a & b).values()), a.total(), b.total())


def _squad(text: str) -> Counter[str]:
    plain = _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION))
    return Counter(words_of(plain) if is_unspaced(plain) else plain.split())


def rouge_n(output: str, target: str, *, n: int) -> float:
    """F1 of common word n-grams.

    Source:
        Lin 2004, ROUGE: A Package for Automatic Evaluation of Summaries, section 2 (no stemming).

    Example:
        >>> round(rouge_n("the cat sat on the mat", "the cat was on the mat", n=2), 3)
        0.6
    """
    a, b = _grams(tokens(output), n), _grams(tokens(target), n)
    if not a or not b:
        return 0.0
    return _f(sum((a & b).values()), a.total(), b.total())


def rouge_l(output: str, target: str) -> float:
    """F1 of the longest common subsequence of words.

    Source:
        Lin 2004, section 3.1.

    Example:
        >>> round(rouge_l("police killed the gunman", "police kill the gunman"), 3)
        0.75
    """
    a, b = tokens(output), tokens(target)
    if not a or not b:
        return 0.0
    return _f(LCSseq.similarity(a, b), len(a), len(b))


def _grams(items: Any, n: int) -> Counter[Any]:
    return Counter(tuple(items[i : i + n]) for i in range(len(items) - n + 1))


def chrf(output: str, target: str) -> float:
    """F-score (recall twice as heavy) of common character n-grams up to six, in [0, 1].

    Source:
        Popović 2015, chrF: character n-gram F-score for automatic MT evaluation, equation 1.

    Example:
        >>> chrf("abc", "abc"), chrf("abc", "xyz")
        (1.0, 0.0)
    """
    a, b = "".join(output.split()), "".join(target.split())
    precision = recall = 0.0
    orders = 0
    for n in range(1, CHRF_ORDER + 1):
        x, y = _grams(a, n), _grams(b, n)
        if x and y:
            common = sum((x & y).values())
            precision += common / x.total()
            recall += common / y.total()
            orders += 1
    if not orders or not precision + recall:
        return 0.0
    precision, recall = precision / orders, recall / orders
    weight = CHRF_BETA**2
    return (1 + weight) * precision * recall / (weight * precision + recall)
