from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewell.metrics.key_points import contains
from tunewell.metrics.normalise import normalise
from tunewell.metrics.numbers import canonical_number


@pytest.mark.parametrize(
    ("written", "comma", "plain"),
    [
        ("1,234.50", False, "1234.5"),
        ("1.234,50", False, "1234.5"),
        ("1’234.50", False, "1234.5"),
        ("1,234,567", False, "1234567"),
        ("12,5", False, "12.5"),
        ("1.234", False, "1.234"),
        ("1.234", True, "1234"),
        ("0,125", False, "0.125"),
        ("3.14.15", False, "3.14.15"),
        ("007", False, "7"),
        ("0049301234", False, "0049301234"),
        ("10.00", False, "10"),
    ],
)
def test_numbers_have_one_writing(written: str, comma: bool, plain: str) -> None:
    assert canonical_number(written, comma=comma) == plain


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("$1,000", "USD 1000.00"),
        ("5 March 2026", "March 5th, 2026"),
        ("5 March 2026", "2026-03-05"),
        ("05.03.2026", "5 Mar 2026"),
        ("twelve days", "12 days"),
        ("20 per cent", "20%"),
        ("84,20 €", "€84.20"),
        ("A—B", "a b"),
    ],
)
def test_the_same_is_written_the_same(a: str, b: str) -> None:
    assert normalise(a) == normalise(b)


@pytest.mark.parametrize(
    ("a", "b"), [("1.5", "15"), ("12 May 2026", "11 May 2026"), ("-5", "5"), ("7:30", "730")]
)
def test_what_differs_stays_apart(a: str, b: str) -> None:
    assert normalise(f"it is {a} now") != normalise(f"it is {b} now")


@given(st.text())
def test_normalising_twice_changes_nothing_for_matching(text: str) -> None:
    once = normalise(text)
    assert normalise(text) == once
    assert once == " ".join(once.split())


@given(st.integers(0, 10**9), st.text(alphabet="abc ", max_size=20))
def test_a_grouped_number_is_found(value: int, around: str) -> None:
    assert contains(f"{around} {value:,} {around}", f"{value}")
    assert not contains(f"{around} {value}7 {around}", f"{value}")
