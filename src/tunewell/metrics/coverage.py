"""How much of one text another holds: of the reference in the answer, of the answer in the input.

Which of them go with people's counts of omissions and hallucinations on notes that were not looked
at while they were
made: bench/results/evaluation-correlation.json.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from tunewell.metrics.base import Marked
from tunewell.metrics.normalise import normalise
from tunewell.task import TaskSpec
from tunewell.types import Example

_STOP = frozenset(
    "a an the of to in on for and or is are was were be been has have had he she they it his her their this that with "
    "at by from as not no who whom what when where how do does did will would can could may i you we my your our us me "
    "him them there here also than then so but if any some s t".split()
)
_LONGEST: Final = 6
"""Characters of the longest n-grams, as in chrF."""
_MOST_SHOWN: Final = 8
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


def recalled(output: str, target: str, *, language: str = "en") -> float:
    """Share of the gold answer's character n-grams (1 to 6) that the output holds, in one writing.

    1 if it is empty.

    Unlike chrF, it does not mind what else the output says: it sees what was left out, not what was
    added.

    Source:
        Popovic 2015 (chrF), its recall alone, here after numbers, dates, case and punctuation are
        made alike.

    Example:
        >>> round(recalled("Pain in the left knee, worse at night.", "left knee pain"), 2)
        0.72
    """
    have, want = ("".join(normalise(text, language).split()) for text in (output, target))
    shares = []
    for n in range(1, min(_LONGEST, len(want)) + 1):
        wanted = Counter(want[i : i + n] for i in range(len(want) - n + 1))
        found = Counter(have[i : i + n] for i in range(len(have) - n + 1))
        shares.append((wanted & found).total() / wanted.total())
    return sum(shares) / len(shares) if shares else 1.0


def novel_words(output: str, given: str, *, language: str = "en") -> list[str]:
    """Stems of the output's content words that the input does not hold, each once, in order.

    Example:
        >>> novel_words("A 57-year-old man with left knee pain", "My left knee hurts")
        ['57', 'year', 'old', 'man', 'pain']
    """
    have = set(content_words(given, language=language))
    return list(dict.fromkeys(w for w in content_words(output, language=language) if w not in have))


def novel(output: str, example: Example, *, task: TaskSpec) -> Marked:
    """A metric function: how many different content words of the answer the input does not hold."""
    given = "\n".join(m.content for m in example.prompt)
    words = novel_words(output, given, language=task.task.language)
    shown = ", ".join(words[:_MOST_SHOWN]) + (" …" if len(words) > _MOST_SHOWN else "")
    return Marked(value=float(len(words)), reason=f"not in the input: {shown}" if words else "")
