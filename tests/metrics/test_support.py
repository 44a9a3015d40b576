from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewell.metrics.numbers import canonical_number
from tunewell.metrics.support import check_support

GIVEN = """Dear Mrs Adeyemi, your bill 2026-04-118 of 84,20 EUR is due on 05.05.2026 at 14:30.
Our Leipzig office (help@grid.example) knows article 12 of the tariff. You have two weeks."""


def loose(output: str, given: str = GIVEN) -> list[str]:
    return [i.text for i in check_support(output, given) if not i.supported]


@pytest.mark.parametrize(
    "output",
    [
        "Mrs Adeyemi pays EUR 84.20 by 5 May 2026.",
        "Please come at 2:30 pm to Leipzig. See Article 12.",
        "You have 2 weeks; write to help@grid.example.",
        "1. Pay the bill.\n2. Write to us.",
        "The Leipzig office helps you.",
        "",
    ],
)
def test_what_the_input_says_is_borne_out(output: str) -> None:
    assert loose(output) == []


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ("You pay 84.30 EUR.", ["84.30"]),
        ("It is due on 6 May 2026.", ["6 May 2026"]),
        ("Please come at 15:30.", ["15:30"]),
        ("Write to desk@grid.example or see article 13.", ["desk@grid.example", "article 13"]),
        ("Our office in Dresden knows Mr Brown.", ["Dresden", "Mr Brown"]),
        ("You have 3 weeks.", ["3"]),
    ],
)
def test_what_it_does_not_say_is_found(output: str, found: list[str]) -> None:
    assert loose(output) == found


def test_an_ambiguous_date_is_borne_out_by_either_reading() -> None:
    assert loose("due 5 March 2026", "due 03/05/2026") == []
    assert loose("due 6 March 2026", "due 03/05/2026") == ["6 March 2026"]


@given(st.text())
def test_a_text_bears_itself_out(text: str) -> None:
    assert [i.text for i in check_support(text, text) if not i.supported] == []


@given(st.text(), st.text())
def test_spans_are_the_text(output: str, given_text: str) -> None:
    for item in check_support(output, given_text):
        assert item.text
        assert 0 <= item.start < item.end


@given(st.integers(21, 10**6), st.integers(21, 10**6))
def test_another_number_is_never_borne_out(a: int, b: int) -> None:
    wrong = canonical_number(str(a)) != canonical_number(str(b))
    assert bool(loose(f"it costs {a} now", f"it costs {b} now")) == wrong


@pytest.mark.parametrize("unit", ["A", "A'", "Aa ", "1,", "1 ", "x@", "\n", "Bo. Cy 5 "])
def test_a_text_of_anything_takes_no_time(unit: str) -> None:
    text = unit * (250_000 // len(unit))
    started = time.process_time()
    check_support(text, text)
    assert time.process_time() - started < 30  # was hours for a megabyte


def test_what_follows_an_endless_word_is_still_checked() -> None:
    (item,) = check_support("B" * 5000 + " pays 48.20 EUR", "nothing")
    assert (item.start, item.text, item.supported) == (5006, "48.20", False)


@pytest.mark.parametrize(
    ("given", "output", "loose"),
    [
        ("Which tariff is mine?", "Tariff T-1 with form B-12.", ["T-1", "B-12"]),
        ("I have T-1.", "Tariff T-1; then T-2.", ["T-2"]),
        ("Form B12, please, and t 1.", "Send form B-12 for T-1.", []),
        ("There are 12 rows.", "Send form B-12.", ["B-12"]),
        ("Nothing.", "Since pre-2019, and 5-8.", ["2019", "5", "8"]),
        ("Error e-07 again", "E-07 means an empty battery.", []),
    ],
)
def test_a_code_is_a_name_and_not_the_number_in_it(
    given: str, output: str, loose: list[str]
) -> None:
    for language in ("en", "de"):
        items = check_support(output, given, language=language)
        found = [i.text for i in items if not i.supported and i.text != "Nothing"]
        assert [text for text in found if any(c.isdigit() for c in text)] == loose


@pytest.mark.parametrize(
    ("output", "given_text", "language"),
    [
        ("Then Carla's dog came to Amazon’s shop.", "Carla has a dog; Amazon has a shop.", "en"),
        ("今日 は 晴 れる", "今日 は 晴れる でしょう か", "ja"),
        ("仕 事 が 終 わっ たら", "仕事 が 終わっ たら", "ja"),
        ("in été Paris was empty", "été in paris", "fr"),
    ],
)
def test_no_name_is_made_of_what_is_none(output: str, given_text: str, language: str) -> None:
    items = check_support(output, given_text, language=language)
    assert [item.text for item in items if not item.supported] == []
