"""Generic metrics: how much an output shares with the gold answer.

They never open a gate alone (E01).
"""

from __future__ import annotations

import re
import string
from collections import Counter
from typing import Any

from rapidfuzz.distance import LCSseq

from tunewell.metrics.characters import is_unspaced, visible
from tunewell.metrics.match import best_of_references, exact, normalised
from tunewell.metrics.normalise import tokens
from tunewell.metrics.registry import built_in
from tunewell.metrics.words import words
from tunewell.task import TaskSpec
from tunewell.types import Example, MetricInfo

__all__ = ["chrf", "exact", "normalised", "rouge_l", "rouge_n", "token_f1"]

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
CHRF_ORDER = 6
CHRF_BETA = 2.0


def _f1(matches: float, of_output: float, of_target: float) -> float:
    """Harmonic mean of the shares of matches; two empty texts match."""
    if not of_output or not of_target:
        return float(of_output == of_target)
    if not matches:
        return 0.0
    precision = matches / of_output
    recall = matches / of_target
    return 2 * precision * recall / (precision + recall)


def _shared_f1(said: Counter[Any], wanted: Counter[Any]) -> float:
    common = said & wanted
    return _f1(common.total(), said.total(), wanted.total())


def token_f1(output: str, target: str) -> float:
    """Harmonic mean of the shares of common words (without articles), as SQuAD measures answers.

    Source:
        Rajpurkar et al. 2016 (arXiv 1606.05250), section 6.1.

    Example:
        >>> round(token_f1("The cat sat", "a cat sat down"), 3)
        0.8
    """
    return _shared_f1(_squad(output), _squad(target))


def _squad(text: str) -> Counter[str]:
    """Words as SQuAD cuts them; in scripts without spaces every character is one."""
    letters = visible(text).lower().translate(_PUNCTUATION)
    found: Counter[str] = Counter()
    for written in _ARTICLES.sub(" ", letters).split():
        is_spaced = written.isascii() or not any(map(is_unspaced, written))
        found.update([written] if is_spaced else words(written))
    return found


def rouge_n(output: str, target: str, *, n: int) -> float:
    """F1 of common word n-grams.

    Source:
        Lin 2004, ROUGE: A Package for Automatic Evaluation of Summaries, section 2 (no stemming).

    Example:
        >>> round(rouge_n("the cat sat on the mat", "the cat was on the mat", n=2), 3)
        0.6
    """
    said = _grams(tokens(output), n)
    wanted = _grams(tokens(target), n)
    if not said or not wanted:
        return 0.0
    return _shared_f1(said, wanted)


def rouge_l(output: str, target: str) -> float:
    """F1 of the longest common subsequence of words.

    Source:
        Lin 2004, section 3.1.

    Example:
        >>> round(rouge_l("police killed the gunman", "police kill the gunman"), 3)
        0.75
    """
    said = tokens(output)
    wanted = tokens(target)
    if not said or not wanted:
        return 0.0
    common = LCSseq.similarity(said, wanted)
    return _f1(common, len(said), len(wanted))


def _grams(items: Any, n: int) -> Counter[Any]:
    starts = range(len(items) - n + 1)
    return Counter(tuple(items[start : start + n]) for start in starts)


def chrf(output: str, target: str) -> float:
    """F-score (recall twice as heavy) of common character n-grams up to six, in [0, 1].

    Source:
        Popović 2015, chrF: character n-gram F-score for automatic MT evaluation, equation 1.

    Example:
        >>> chrf("abc", "abc"), chrf("abc", "xyz")
        (1.0, 0.0)
    """
    said = "".join(visible(output).split())
    wanted = "".join(visible(target).split())
    # Neither text has n-grams of more characters than the shorter one has.
    orders = min(CHRF_ORDER, len(said), len(wanted))
    if not orders:
        return 0.0

    precision = recall = 0.0
    for n in range(1, orders + 1):
        of_said = _grams(said, n)
        of_wanted = _grams(wanted, n)
        common = (of_said & of_wanted).total()
        precision += common / of_said.total()
        recall += common / of_wanted.total()
    if not precision:
        return 0.0

    precision /= orders
    recall /= orders
    weight = CHRF_BETA**2
    return (1 + weight) * precision * recall / (weight * precision + recall)


@built_in(MetricInfo(name="token_f1", title="shared words (F1)"))
def token_f1_of_answer(output: str, example: Example, *, task: TaskSpec) -> float:
    """Harmonic mean of the shares of common words, as SQuAD measures answers."""
    return best_of_references(example, lambda target: token_f1(output, target))


@built_in(
    MetricInfo(
        name="rouge_1",
        title="ROUGE-1",
    )
)
def rouge_1_of_answer(output: str, example: Example, *, task: TaskSpec) -> float:
    """F1 of common words."""
    return best_of_references(example, lambda target: rouge_n(output, target, n=1))


@built_in(
    MetricInfo(
        name="rouge_2",
        title="ROUGE-2",
    )
)
def rouge_2_of_answer(output: str, example: Example, *, task: TaskSpec) -> float:
    """F1 of common word pairs."""
    return best_of_references(example, lambda target: rouge_n(output, target, n=2))


@built_in(
    MetricInfo(
        name="rouge_l",
        title="ROUGE-L",
    )
)
def rouge_l_of_answer(output: str, example: Example, *, task: TaskSpec) -> float:
    """F1 of the longest common subsequence of words."""
    return best_of_references(example, lambda target: rouge_l(output, target))


@built_in(
    MetricInfo(
        name="chrf",
        title="chrF",
    )
)
def chrf_of_answer(output: str, example: Example, *, task: TaskSpec) -> float:
    """F-score of common character n-grams up to six."""
    return best_of_references(example, lambda target: chrf(output, target))
