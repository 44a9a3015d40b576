"""Whether texts name something that nobody named before."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from tunewell.monitor.evidence.base import Evidence, TimeWindow
from tunewell.monitor.records import DatedRecords

FEWEST: Final = 6
"""Records after the change that name it."""

NEW: Final = 0.12
"""It was named so often beforehand at most, as a share of how often it is named since."""

SURE_LOG: Final = 14.0
"""Log-likelihood beside no change, above what one of some thousand words reaches by luck."""

MOST_NAMED: Final = 5

_WORD = re.compile(r"[^\W_]+(?:[.'&-][^\W_]+)*")
_VERSION = re.compile(r"^v?(\d+)\.\d[\d.]*\w*$")


def new_word_evidence(records: DatedRecords, window: TimeWindow) -> Iterator[Evidence]:
    """Words that came into use in a window; point releases are folded into the main version."""
    days_before, days_after = window.days_before, window.days_after
    if days_after <= 0:
        return
    for name, texts in records.texts.items():
        if records.topics.get(name, "input") != "input":
            continue
        before = window.before(records)
        after = window.after(records)
        was = _named(texts[before.start : before.stop])
        now = _named(texts[after.start : after.stop])
        found = []
        for word, count in now.items():
            if count < FEWEST:
                continue
            rate_before = was.get(word, 0) / days_before
            rate_after = count / days_after
            if rate_before > NEW * rate_after:
                continue
            gain = count * _log_ratio(rate_after, (was.get(word, 0) + 0.5) / days_before)
            if gain > SURE_LOG:
                found.append((count, word))
        words = tuple(word for _, word in sorted(found, reverse=True)[:MOST_NAMED])
        if words:
            what = f"texts name what hardly any named before: {', '.join(words)}"
            yield Evidence(
                kind="new words",
                cause="knowledge",
                stream=records.name,
                fields=(name,),
                values=words,
                what=what,
            )


def _log_ratio(after: float, before: float) -> float:
    from math import log

    ratio = after / before
    return log(ratio) - 1 + 1 / ratio


def _named(texts: Sequence[str]) -> Counter[str]:
    """In how many texts each word stands."""
    found: Counter[str] = Counter()
    for text in texts:
        words = {fold(word) for word in _WORD.findall(text.casefold())}
        found.update(words)
    return found


def fold(word: str) -> str:
    """A version number without its minor parts: every point release would be a new word.

    Example:
        >>> fold("115.6.0"), fold("v2.1b3"), fold("mail")
        ('115', '2', 'mail')
    """
    found = _VERSION.match(word)
    return found[1] if found else word
