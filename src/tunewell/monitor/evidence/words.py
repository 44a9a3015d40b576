"""Whether texts name something that nobody named before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import log
from typing import Final

from tunewell.monitor.evidence.base import CauseEvidence, TimeWindow
from tunewell.monitor.records import DatedRecords
from tunewell.monitor.words import terms_of

FEWEST: Final = 6
"""Records after the change that name it."""

NEW: Final = 0.12
"""It was named so often beforehand at most, as a share of how often it is named since."""

SURE_LOG: Final = 14.0
"""Log-likelihood beside no change, above what one of some thousand words reaches by luck."""

MOST_NAMED: Final = 5


def new_word_evidence(records: DatedRecords, window: TimeWindow) -> Iterator[CauseEvidence]:
    """Words that came into use in a window; point releases are folded into the main version."""
    if window.days_after <= 0:
        return
    for name, texts in records.texts.items():
        if records.topics.get(name, "input") != "input":
            continue
        before = window.before(records)
        # What begins within the window is new as well.
        since = slice(before.stop, window.after(records).stop)
        was = _named(texts[before.start : before.stop])
        now = _named(texts[since.start : since.stop])
        sizes = (before.stop - before.start, since.stop - since.start)
        words = tuple(_new_words(was, now, sizes))[:MOST_NAMED]
        if words:
            what = f"texts name what hardly any named before: {', '.join(words)}"
            yield CauseEvidence(
                kind="new words",
                cause="knowledge",
                stream=records.name,
                fields=(name,),
                values=words,
                what=what,
            )


def _new_words(
    was: Counter[str],
    now: Counter[str],
    sizes: tuple[int, int],
) -> list[str]:
    """Words in a far larger share of the texts than before, the most frequent first."""
    texts_before, texts_after = sizes
    found = []
    for word, count in now.items():
        if count < FEWEST:
            continue
        before = (was.get(word, 0) + 0.5) / max(texts_before, 1)
        after = count / texts_after
        if before > NEW * after:
            continue
        gain = count * (log(after / before) - 1) + texts_after * before
        if gain > SURE_LOG:
            found.append((count, word))
    return [word for _, word in sorted(found, reverse=True)]


def _named(texts: Sequence[str]) -> Counter[str]:
    """In how many texts each word stands; point releases are folded into the main version."""
    found: Counter[str] = Counter()
    for text in texts:
        found.update(terms_of(text))
    return found


def named_in(text: str, words: Sequence[str]) -> bool:
    """Whether a text names any of some words, as `terms_of` writes them."""
    return not terms_of(text).isdisjoint(words)
