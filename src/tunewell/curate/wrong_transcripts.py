"""Transcripts that do not fit their recording, by the loss of a model that was never trained (D10).

The model writes down what it hears itself. Wherever the given words differ from its own, its own
are scored with that one place as given; a place that makes them far less probable puts the
transcript in doubt. Names that the model mishears in several places therefore do not add up, and a
word of several rows that it hears in none of them is its own weakness: a place with such a word has
to be that much more improbable again. All is scored in the same plain form, so that case and
punctuation do not count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from rapidfuzz.distance import Levenshtein

from tunewell.metrics.spoken_words import spoken_words
from tunewell.model.base import Model
from tunewell.plurals import plural
from tunewell.stats import proportion
from tunewell.types import Example, Finding, Threshold
from tunewell.types.findings import Status

MOST_NATS: Final = 16.0
"""Own words that are so much more probable (e^16, nine million times) put a transcript in doubt.

Of 53 right readings of LibriSpeech two stand above, of as many with one word changed two below.
"""

_SEVERAL: Final = 2
"""Rows with a word from which it tells whether the model knows the word."""

_STAGE: Final = "curate"

_NAMED: Final = 5
"""Rows that could not be scored, by name."""


@dataclass(frozen=True)
class TranscriptDoubt:
    """How much better a model's own words fit a recording than the given ones.

    Attributes:
        row: Id.
        nats: Natural logarithm of how many times its own words are more probable than they are with
            the given ones, in the one place that fits least or in all, whichever is less; 0 where
            all words are the same.
        heard: Its own words.
    """

    row: str
    nats: float
    heard: str


def transcript_doubts(
    model: Model, rows: Sequence[Example], *, language: str = "en"
) -> list[TranscriptDoubt]:
    """Doubts of rows that are heard, the greatest first.

    A row that cannot be scored, such as one in which the model hears no word, has none.

    Args:
        model: Hears; best the base model, which has learned none of the transcripts.
        rows: Rows that are heard; those in which nobody speaks are not looked at.
        language: As in `spoken_words`.
    """
    spoken = _spoken(rows)
    said = model.generate([row.prompt for row in spoken])
    heard = [spoken_words(own.text, language) for own in said]
    given = [spoken_words(row.target, language) for row in spoken]
    unknown = _never_heard(heard, given)
    found = []
    for row, words, wanted in zip(spoken, heard, given, strict=True):
        variants = _variants(words, wanted)
        scores = model.score([row.prompt] * len(variants), variants)
        if all(score.tokens for score in scores):
            _, whole, *others = [score.nats - scores[0].nats for score in scores]
            strange = _are_strange(words, wanted, unknown)
            places = [
                min(whole, nats) - MOST_NATS * is_strange
                for nats, is_strange in zip(others, strange, strict=True)
            ]
            found.append(TranscriptDoubt(row.id, max(places, default=whole), variants[0]))
    return sorted(found, key=lambda doubt: -doubt.nats)


def _spoken(rows: Sequence[Example]) -> list[Example]:
    """Rows that are heard and in which somebody speaks."""
    return [row for row in rows if row.audio and row.target]


def _never_heard(heard: Sequence[Sequence[str]], given: Sequence[Sequence[str]]) -> set[str]:
    """Words of several rows that are heard right in none of them.

    Example:
        >>> _never_heard([["stop", "it"], ["a", "pix", "it"]], [["stop", "apix"], ["apix", "it"]])
        {'apix'}
    """
    standing: Counter[str] = Counter()
    right: set[str] = set()
    for words, wanted in zip(heard, given, strict=True):
        standing.update(set(wanted))
        for place in Levenshtein.opcodes(words, wanted):
            if place.tag == "equal":
                right.update(wanted[place.dest_start : place.dest_end])
    return {word for word, rows in standing.items() if rows >= _SEVERAL} - right


def _are_strange(
    heard: Sequence[str], given: Sequence[str], unknown: Collection[str]
) -> list[bool]:
    """For each place where they differ, whether a word is given that is unknown to the model."""
    places = [each for each in Levenshtein.opcodes(heard, given) if each.tag != "equal"]
    words = [given[each.dest_start : each.dest_end] for each in places]
    return [any(word in unknown for word in each) for each in words]


def _variants(heard: Sequence[str], given: Sequence[str]) -> list[str]:
    """What was heard, what is given, then the former with each place as given where they differ.

    Example:
        >>> _variants(["stop", "the", "cat"], ["stop", "a", "cat", "now"])
        ['stop the cat', 'stop a cat now', 'stop a cat', 'stop the cat now']
    """
    found = [" ".join(heard), " ".join(given)]
    for place in Levenshtein.opcodes(heard, given):
        if place.tag != "equal":
            middle = given[place.dest_start : place.dest_end]
            changed = [*heard[: place.src_start], *middle, *heard[place.src_end :]]
            found.append(" ".join(changed))
    return found


def wrong_transcripts(
    model: Model | None, rows: Sequence[Example], *, language: str = "en"
) -> Finding:
    """D10: rows whose transcript is in doubt, the worst first.

    Args:
        model: As in `transcript_doubts`; None = there is none on this machine.
        rows: Rows that are heard.
        language: As in `spoken_words`.
    """
    if model is None:
        from tunewell.model.speech.weights import PACKAGE_HINT

        why = f"Transcripts were not compared with their recordings: {PACKAGE_HINT}."
        return Finding(code="D10", status="unchecked", stage=_STAGE, why=why)
    doubts = transcript_doubts(model, rows, language=language)
    if not doubts:
        why = "No row that is heard could be scored."
        return Finding(code="D10", status="unchecked", stage=_STAGE, why=why)
    above = [doubt.row for doubt in doubts if doubt.nats > MOST_NATS]
    scored = {doubt.row for doubt in doubts}
    unscored = [row.id for row in _spoken(rows) if row.id not in scored]
    status: Status = "unchecked" if unscored else "clear"
    why = (
        f"For {len(above)} of {plural(len(doubts), 'row')}, {model.name} finds other words far "
        "more probable than the transcript: recording and words may not belong together."
    )
    if unscored:
        more = plural(len(unscored), "more row")
        why += f" {more} could not be scored: {', '.join(unscored[:_NAMED])}."
    return Finding(
        code="D10",
        status="found" if above else status,
        stage=_STAGE,
        why=why,
        estimate=proportion(len(above), len(doubts), missing=len(unscored)),
        threshold=Threshold(value=0.0, origin="built-in"),
        rows=tuple(above),
        remedy="listen to them, the most doubtful first" if above else "",
    )
