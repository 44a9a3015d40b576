from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewell.metrics.speech import (
    Transcript,
    character_errors,
    score_speech,
    word_errors,
)
from tunewell.metrics.spoken_words import spoken_words
from tunewell.stats.ratios import ratio
from tunewell.types import Estimate, Unscored

SAME = [
    ("5 mg", "five milligrams"),
    ("5mg", "5 milligrammes"),
    ("50 µg", "fifty micrograms"),
    ("50 mcg", "50 μg"),
    ("2.5 ml", "two point five millilitres"),
    ("0.25 mg", "zero point two five milligrams"),
    ("5 mm", "five millimetres"),
    ("12 %", "twelve per cent"),
    ("38.5 °C", "38.5 degrees Celsius"),
    ("120/80 mmHg", "120/80 mmHg."),
    ("1,250 steps", "1250 steps"),
    ("Don't stop.", "do not stop"),
    ("Dr. Jones", "doctor jones"),
    ("well-known", "well known"),
    ("Um, yes (twice)", "yes twice"),
    ("it’s", "it's"),
    ("Vitamin B12", "vitamin b12"),
]
DIFFERENT = [
    ("50 mg", "50 mcg"),
    ("0.5 mg", "5 mg"),
    ("2.5", "25"),
    ("5 mm", "5"),
    ("5 g", "5 mg"),
    ("can", "can't"),
    ("15", "50"),
    ("amoxicillin", "amoxanine"),
    ("resumé", "resume"),
    ("1.25", "125"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_words_are_the_same_however_written(one: str, other: str) -> None:
    assert spoken_words(one) == spoken_words(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_means_something_else_stays_apart(one: str, other: str) -> None:
    assert spoken_words(one) != spoken_words(other)


@given(st.text(max_size=60))
def test_words_that_were_normalised_stay_as_they_are(text: str) -> None:
    words = spoken_words(text)
    assert spoken_words(" ".join(words)) == words


# Values of jiwer 4.0 on the same words, written down.
KNOWN = [
    ("the cat sat on the mat", "the cat sat on the mat", 0, 6, 0, 22),
    ("the cat sat on the mat", "the cat sat mat", 2, 6, 7, 22),
    ("the cat sat", "a the cat sat down", 2, 3, 7, 11),
    ("hello world", "", 2, 2, 11, 11),
    ("hello world", "world hello", 2, 2, 8, 11),
]


@pytest.mark.parametrize(("said", "heard", "words", "of", "letters", "of_letters"), KNOWN)
def test_errors_are_as_others_count_them(
    said: str, heard: str, words: int, of: int, letters: int, of_letters: int
) -> None:
    in_words = word_errors(said, heard)
    assert (in_words.errors, in_words.length) == (words, of)
    in_letters = character_errors(said, heard)
    assert (in_letters.errors, in_letters.length) == (letters, of_letters)


def value(found: Estimate | Unscored) -> float:
    assert isinstance(found, Estimate)
    return found.value


def test_the_rate_is_over_all_words_and_not_a_mean_of_rates() -> None:
    rows = [
        Transcript("one", "two", "a"),
        Transcript("the long sentence has no fault at all here", "", "b"),
        Transcript("nothing is wrong with what I said", "nothing is wrong with what I said", "c"),
    ]
    scores = score_speech(rows)
    assert value(scores.word_errors) == pytest.approx((1 + 9) / (1 + 9 + 7))
    assert scores.normaliser == "1"


def test_terms_never_trained_are_counted_apart_and_words_on_no_speech() -> None:
    said = "Take amoxicillin and St. John's wort, then amoxicillin."
    rows = [
        Transcript(said, "take amoxicillin and some john's wort then amoxanine", "a"),
        Transcript("Take duloxetine.", "take duloxetine", "b"),
        Transcript("Duloxetine again.", "duloxetine again", "c"),
        Transcript("", "Please use duloxetine.", ""),
        Transcript("", " ... ", ""),
    ]
    terms = ["amoxicillin", "Duloxetine", "St John's wort", "never said"]
    scores = score_speech(rows, terms=terms, trained=["No amoxicillin today."])
    assert value(scores.terms) == pytest.approx(3 / 5)
    assert value(scores.new_terms) == pytest.approx(2 / 3)
    assert value(scores.words_on_no_speech) == 0.5
    assert isinstance(scores.real_time_factor, Unscored)


def test_a_term_is_a_word_and_no_part_of_one() -> None:
    rows = [Transcript("an iron tablet", "an environ tablet", str(n)) for n in range(3)]
    assert value(score_speech(rows, terms=["iron"]).terms) == 0.0


def test_two_speakers_are_too_few_and_nothing_is_rounded_up() -> None:
    rows = [Transcript("yes indeed", "yes", "a"), Transcript("no", "no", "b")]
    found = score_speech(rows)
    assert isinstance(found.word_errors, Unscored)
    assert "2 speakers" in found.word_errors.reason
    assert isinstance(found.terms, Unscored)
    assert isinstance(found.words_on_no_speech, Unscored)


def test_the_interval_of_a_rate_covers_by_speaker() -> None:
    """Speakers whose rates and lengths differ, as in speech: 95 % of intervals hold the truth."""
    rng = np.random.default_rng(1)
    for speakers in (5, 20):
        hits = 0
        for _ in range(600):
            rates = rng.beta(2, 18, speakers)
            words = rng.integers(40, 400, speakers)
            found = ratio(rng.binomial(words, rates), words, clusters=range(speakers))
            hits += found.low <= 0.1 <= found.high
        assert hits / 600 >= 0.93, speakers


def test_no_error_at_all_is_no_certainty() -> None:
    found = ratio([0] * 5, [100] * 5, clusters=range(5))
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 5))
    rows = [Transcript("take iron", "take iron", str(n)) for n in range(5)]
    terms = score_speech(rows, terms=["iron"]).terms
    assert isinstance(terms, Estimate)
    assert (terms.value, terms.high) == (1.0, 1.0)
    assert terms.low < 0.6


def test_a_ratio_without_something_to_divide_by_is_refused() -> None:
    with pytest.raises(ValueError, match="clusters"):
        ratio([1, 2], [3, 4], clusters=["a", "b"])
    with pytest.raises(ValueError, match="below"):
        ratio([1, 2, 3], [0, 0, 5], clusters=["a", "b", "c"])
