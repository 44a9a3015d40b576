from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewell.metrics import match, overlap

# (output, target, ROUGE-1, ROUGE-2, ROUGE-L, chrF): rouge-score 0.1.2 without stemmer, sacrebleu
# 2.5 sentence_chrf.
PUBLISHED = [
    ("the cat sat on the mat", "the cat was on the mat", 0.833333, 0.6, 0.833333, 0.620691),
    (
        "You must pay the bill of 84.20 within 14 days.",
        "Please pay 84.20 euros within fourteen days or call us.",
        0.454545,
        0.1,
        0.454545,
        0.259254,
    ),
    (
        "we may end this agreement at any time",
        "the company can terminate your account whenever it wants and for any reason",
        0.095238,
        0.0,
        0.095238,
        0.112883,
    ),
    ("a", "a b c", 0.5, 0.0, 0.5, 0.384615),
    ("Hello there, General!", "hello there general kenobi", 0.857143, 0.8, 0.857143, 0.496276),
    (
        "the quick brown fox jumps over the lazy dog the quick brown fox",
        "over the lazy dog the quick fox jumps",
        0.761905,
        0.631579,
        0.666667,
        0.78523,
    ),
]


@pytest.mark.parametrize(("output", "target", "r1", "r2", "rl", "chrf"), PUBLISHED)
def test_agrees_with_the_reference_code(
    output: str, target: str, r1: float, r2: float, rl: float, chrf: float
) -> None:
    assert overlap.rouge_n(output, target, n=1) == pytest.approx(r1, abs=1e-6)
    assert overlap.rouge_n(output, target, n=2) == pytest.approx(r2, abs=1e-6)
    assert overlap.rouge_l(output, target) == pytest.approx(rl, abs=1e-6)
    assert overlap.chrf(output, target) == pytest.approx(chrf, abs=1e-6)


FUNCTIONS: list[Callable[[str, str], float]] = [
    match.exact,
    match.normalised,
    overlap.token_f1,
    overlap.rouge_l,
    overlap.chrf,
    lambda a, b: overlap.rouge_n(a, b, n=1),
    lambda a, b: overlap.rouge_n(a, b, n=2),
]


@pytest.mark.parametrize("function", FUNCTIONS)
@given(st.text(), st.text())
def test_any_text_gives_a_share(function: Callable[[str, str], float], a: str, b: str) -> None:
    assert 0.0 <= function(a, b) <= 1.0


@pytest.mark.parametrize("function", [match.exact, match.normalised, overlap.token_f1])
@given(st.text())
def test_a_text_matches_itself(function: Callable[[str, str], float], a: str) -> None:
    assert function(a, a) == 1.0


def test_empty_answers_do_not_match_full_ones() -> None:
    assert [f("", "something") for f in FUNCTIONS] == [0.0] * len(FUNCTIONS)
