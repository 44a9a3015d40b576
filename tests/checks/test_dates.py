from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewell.checks.dates import find_cut_off, find_date


@pytest.mark.parametrize(
    ("text", "day", "certainty"),
    [
        ("Last updated: 2021-03-04. The fee is 3 euros.", "2021-03-04", "stated"),
        ("Prices as of March 2020 are 21 cents.", "2020-03-31", "stated"),
        ("Stand: 1. Mai 2019", "2019-05-01", "stated"),
        ("Published on May 3rd, 2022 by the desk", "2022-05-03", "stated"),
        ("As of my last update in 2021 the rate is 2 %.", "2021-12-31", "stated"),
        ("The contract of 5 June 2015 ends.", "2015-06-05", "likely"),
        ("from 03.02.2018 to 04.02.2019", "2019-02-04", "likely"),
    ],
)
def test_dates_in_texts(text: str, day: str, certainty: str) -> None:
    found = find_date(text)
    assert found is not None
    assert (str(found.day), found.certainty) == (day, certainty)


@pytest.mark.parametrize(
    "text", ["", "no date", "version 20.19.20.21", "31.2.2020", "room 2019", "in 2019 we met"]
)
def test_texts_without_a_date(text: str) -> None:
    assert find_date(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "As of my last knowledge update in September 2021, yes.",
        "My training data only goes up to 2022.",
        "My knowledge cutoff is 2023.",
        "Up to my knowledge cut-off nothing was known.",
    ],
)
def test_cut_off_phrases(text: str) -> None:
    assert find_cut_off(text)


def test_ordinary_updates_are_no_cut_off() -> None:
    for text in (
        "I have installed the last update.",
        "The update of my account failed.",
        "We cut off the power.",
    ):
        assert not find_cut_off(text)


@given(st.text(max_size=80))
def test_no_text_breaks_it(text: str) -> None:
    find_date(text)
    find_cut_off(text)
