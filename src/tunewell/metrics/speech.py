"""How well speech is written down: errors per word, listed terms, words where nobody speaks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz.distance import Levenshtein

from tunewell.metrics.spoken_words import VERSION, spoken_words
from tunewell.stats import proportion
from tunewell.stats.ratios import FEWEST_CLUSTERS, ratio
from tunewell.types import Estimate, Unscored, Value


@dataclass(frozen=True)
class Transcript:
    """What a model heard in one recording.

    Attributes:
        said: What is said in it; empty where nobody speaks.
        heard: What the model wrote down.
        speaker: Who speaks.
        audio_s: Seconds of the recording.
        work_s: Seconds that the model took; 0 = not measured.
    """

    said: str
    heard: str
    speaker: str = ""
    audio_s: float = 0.0
    work_s: float = 0.0


class ErrorCount(Value):
    """Errors of one transcript.

    Attributes:
        errors: Fewest words (or characters) to change, leave out or put in.
        length: Words (or characters) that were said.
    """

    errors: int
    length: int


def word_errors(said: str, heard: str, *, language: str = "en") -> ErrorCount:
    """Errors in words, after `spoken_words`.

    Example:
        >>> word_errors("Take five milligrams now.", "take 5mg no")
        ErrorCount(errors=1, length=4)
    """
    wanted = spoken_words(said, language)
    return ErrorCount(
        errors=Levenshtein.distance(wanted, spoken_words(heard, language)), length=len(wanted)
    )


def character_errors(said: str, heard: str, *, language: str = "en") -> ErrorCount:
    """Errors in characters of the words after `spoken_words`, a space between two.

    Example:
        >>> character_errors("a cat", "a cart")
        ErrorCount(errors=1, length=5)
    """
    wanted = " ".join(spoken_words(said, language))
    got = " ".join(spoken_words(heard, language))
    return ErrorCount(errors=Levenshtein.distance(wanted, got), length=len(wanted))


def term_counts(said: str, heard: str, terms: Iterable[str], *, language: str = "en") -> ErrorCount:
    """How often terms are said, and how often not heard then.

    Args:
        said: What is said.
        heard: What the model wrote down.
        terms: As `spoken_words` gives them, a space between two words.
        language: As in `spoken_words`.

    Example:
        >>> term_counts("Start duloxetine today.", "start to lock set in today", ["duloxetine"])
        ErrorCount(errors=1, length=1)
    """
    wanted = " ".join(spoken_words(said, language))
    got = " ".join(spoken_words(heard, language))
    times = missed = 0
    for term in terms:
        own = _times(term, wanted)
        times += own
        missed += max(0, own - _times(term, got))
    return ErrorCount(errors=missed, length=times)


class SpeechScores(Value):
    """How well speech was written down.

    Attributes:
        word_errors: Errors per word said, over all words, by speaker; may be above 1.
        character_errors: Errors per character said, likewise.
        terms: Share of the listed terms that were heard where they were said.
        new_terms: The same of listed terms that no training row holds.
        words_on_no_speech: Share of the recordings without speech in which words were heard.
        real_time_factor: Seconds of work per second of sound.
        normaliser: Version of the rules by which words are compared.
    """

    word_errors: Estimate | Unscored
    character_errors: Estimate | Unscored
    terms: Estimate | Unscored
    new_terms: Estimate | Unscored
    words_on_no_speech: Estimate | Unscored
    real_time_factor: Estimate | Unscored
    normaliser: str = VERSION


def score_speech(
    transcripts: Sequence[Transcript],
    *,
    terms: Sequence[str] = (),
    trained: Sequence[str] = (),
    language: str = "en",
    level: float = 0.95,
) -> SpeechScores:
    """Score the transcripts of one model.

    Args:
        transcripts: One for each recording; what the model failed at has ``heard=""``: the words
            are then all missing, and the denominator stays.
        terms: Terms that count, such as names of drugs.
        trained: Transcripts of the training rows, to tell terms that were never trained.
        language: As in `spoken_words`.
        level: Of the intervals.
    """
    spoken = [each for each in transcripts if spoken_words(each.said, language)]
    silent = [each for each in transcripts if not spoken_words(each.said, language)]
    seen = [f" {' '.join(spoken_words(text, language))} " for text in trained]
    listed = {" ".join(spoken_words(term, language)) for term in terms} - {""}
    new = {term for term in listed if not any(f" {term} " in text for text in seen)}
    return SpeechScores(
        word_errors=_rate(spoken, word_errors, language, level),
        character_errors=_rate(spoken, character_errors, language, level),
        terms=_recall(spoken, listed, language, level),
        new_terms=_recall(spoken, new, language, level),
        words_on_no_speech=_on_no_speech(silent, language, level),
        real_time_factor=_real_time(transcripts, level),
    )


Count = Callable[..., ErrorCount]


def _rate(
    spoken: Sequence[Transcript], count: Count, language: str, level: float
) -> Estimate | Unscored:
    found = [count(each.said, each.heard, language=language) for each in spoken]
    errors = [each.errors for each in found]
    lengths = [each.length for each in found]
    return _ratio(errors, lengths, spoken, level, "errors/word")


def _ratio(
    above: Sequence[float],
    below: Sequence[float],
    transcripts: Sequence[Transcript],
    level: float,
    unit: str,
) -> Estimate | Unscored:
    speakers = [each.speaker for each in transcripts]
    several = len(set(speakers))
    if several < FEWEST_CLUSTERS:
        return Unscored(
            reason=f"{several} speakers are too few for an interval; {FEWEST_CLUSTERS} are needed"
        )
    return ratio(above, below, clusters=speakers, level=level, unit=unit)


def _recall(
    spoken: Sequence[Transcript], terms: set[str], language: str, level: float
) -> Estimate | Unscored:
    """Share of the times that a term is said in which it is heard, by speaker."""
    found = [term_counts(each.said, each.heard, terms, language=language) for each in spoken]
    said = np.asarray([count.length for count in found], np.float64)
    heard = said - [count.errors for count in found]
    with_terms = [place for place in range(len(spoken)) if said[place]]
    if not with_terms:
        return Unscored(reason="no recording contains such a term")
    which = [spoken[place] for place in with_terms]
    missed = (said - heard)[with_terms].tolist()
    share = _ratio(missed, said[with_terms].tolist(), which, level, "share")
    if isinstance(share, Unscored):
        return share
    changes = {
        "value": 1 - share.value,
        "low": max(0.0, 1 - share.high),
        "high": 1 - share.low,
    }
    return share.model_copy(update=changes)


def _times(term: str, text: str) -> int:
    """How often a term stands in a text of words between spaces."""
    words, wanted = text.split(), term.split()
    starts = range(len(words) - len(wanted) + 1)
    return sum(words[start : start + len(wanted)] == wanted for start in starts)


def _on_no_speech(silent: Sequence[Transcript], language: str, level: float) -> Estimate | Unscored:
    if not silent:
        return Unscored(reason="no recording is without speech")
    hit = sum(len(spoken_words(each.heard, language)) > 0 for each in silent)
    return proportion(hit, len(silent), level=level)


def _real_time(transcripts: Sequence[Transcript], level: float) -> Estimate | Unscored:
    timed = [each for each in transcripts if each.work_s > 0 and each.audio_s > 0]
    if not timed:
        return Unscored(reason="the time was not measured")
    work = [each.work_s for each in timed]
    audio = [each.audio_s for each in timed]
    return _ratio(work, audio, timed, level, "s/s")
