"""Rules of blinding: what they take away, and what they leave alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewell.compare import BlindingRules, blind_text

RULES = BlindingRules()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hi Ann,\n\nRestart it.\n\nKind regards,\nBob Miller\nSupport", "Restart it."),
        ("Hello! Restart it.\n\nBest,\nThe team", "Restart it."),
        ("Dear customer,\nRestart it.\n-- \nBob", "Restart it."),
        ("Sure! Restart it. I hope this helps!", "Restart it."),
        ("Thank you for your question. Restart it. Let me know if you need more.", "Restart it."),
        ("As an AI assistant, restart it.", "Restart it."),
        ("Hi Ann, restart it.", "Restart it."),
        ("Restart it.\n- Bob", "Restart it."),
        ("# Fix\n\n1. **Restart** it\n2. Try `again`\n", "Fix\nRestart it\nTry again"),
        ("* one\n* two\n\n---\n> three", "one\ntwo\nthree"),
        ("See [the page](https://a.example/x) or https://b.example.", "See the page or (link)"),
        ("Done 😀 👍🏽 1️⃣ ❤️", "Done 1"),
        ("The colour of the licence, Organised", "The color of the license, Organized"),
        ("It’s “fine” — really…", 'It\'s "fine" - really...'),
        ("<p>One</p><br>two", "One two"),
        ("zero\u200bwidth\u00a0space", "zerowidth space"),
    ],
)
def test_what_gives_an_author_away_is_taken_out(text: str, expected: str) -> None:
    assert blind_text(text, RULES).text == expected


@pytest.mark.parametrize(
    "text",
    [
        "Hi-speed mode is in the settings.",
        "Thanks to the update it works.",
        "The price is 5 * 3 * 2 dollars.",
        "snake_case_name and 2**10 stay.",
        "Dearest is a word.",
        "It costs 20 °C and 5 €.",
        "Sure",
        "Best",
        "",
    ],
)
def test_what_tells_nothing_stays(text: str) -> None:
    assert blind_text(text, RULES).text == text


def test_every_rule_can_be_left_out() -> None:
    off = BlindingRules(
        signatures=False,
        markdown=False,
        emoji=False,
        spelling=False,
        addresses=False,
        typography=False,
    )
    text = "Hi,\n**colour** 😀 https://a.example “x”\nRegards"
    assert blind_text(text, off).text == text
    assert blind_text(text, off).changed == ()


@given(st.text(max_size=300))
def test_blinding_twice_changes_no_more_than_markers_left_by_the_first(text: str) -> None:
    once = blind_text(text, RULES).text
    assert len(once) <= 4 * len(text) + 8
    assert once == once.strip()


def test_hostile_text_takes_no_longer_than_it_is_long() -> None:
    for text in ("*" * 20_000, "[" * 20_000, "\n" * 20_000, "(" * 20_000, "a\n--" * 5_000):
        blind_text(text, RULES)
