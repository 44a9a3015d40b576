from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewell.checks.broken import Habits, find_fault
from tunewell.checks.language import language
from tunewell.checks.personal.identifiers import find_personal
from tunewell.checks.personal.masks import mask
from tunewell.checks.personal.payment import is_card
from tunewell.checks.repair import repair


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("write to jo.doe+x@mail.okoro.co.uk.", ["email"]),
        ("card 4539 1488 0343 6467 exp 12/27", ["card"]),
        ("amex 378282246310005", ["card"]),
        ("IBAN DE89 3704 0044 0532 0130 00, thanks", ["iban"]),
        ("iban gb33bukb20201555555555", ["iban"]),
        ("my SSN is 219-09-9999", ["ssn"]),
        ("call (212) 555-0123 or 212-555-0199 x12", ["phone", "phone"]),
        ("ruf +49 (0)170 1234567 an", ["phone"]),
        ("unter 030 1234567 oder 0170/1234567", ["phone", "phone"]),
        ("from 93.184.216.77 at noon", ["ip"]),
        ("from 2a00:1450::8a2e:370:7334 at noon", ["ip"]),
        ("AKIAIOSFODNN7EXAMPLE and ghp_" + "a1B2" * 9, ["secret", "secret"]),
        ('api_key = "9fK2-xP0q_77Lm"', ["secret"]),
        ("postgres://me:s3cr3t-pw@db.example.org/x", ["secret"]),
    ],
)
def test_personal_data_is_found(text: str, kinds: list[str]) -> None:
    assert [s.type for s in find_personal(text)] == kinds


@pytest.mark.parametrize(
    "text",
    [
        "card 4539 1488 0343 6468",  # wrong check digit
        "IBAN DE88 3704 0044 0532 0130 00",
        "Order DE29 6119 0391 2345 6789 01",
        "version 10.12.141.7 and v2.4.1.0, section 1.2.3.4",
        "ISBN 978-3-16-148410-0",
        "order number 212-555-0123",
        "uuid 123e4567-e89b-12d3-a456-426614174000",
        "offset 0x4539148803436467",
        "at 10:20:30 on 2024-05-01 for 12345678 euros",
        "127.0.0.1:8080 and 0.0.0.0",
        "Contract 0391-2345",
        "9 to 5, 1,234,567.89 and 3.14159265358979",
        "the password is required, the secret: nobody knows",
        "@mention and a@b",
    ],
)
def test_traps_are_left_alone(text: str) -> None:
    assert find_personal(text) == []


@given(st.lists(st.integers(0, 9), min_size=12, max_size=18), st.integers(1, 9))
def test_a_wrong_check_digit_is_never_a_card(digits: list[int], shift: int) -> None:
    number = "4" + "".join(map(str, digits[:14]))
    right = [d for d in range(10) if is_card(f"{number}{d}")]
    if len(number) == 15:
        assert len(right) == 1
        assert not is_card(f"{number}{(right[0] + shift) % 10}")


def test_a_mask_is_the_same_for_the_same_value() -> None:
    text = "Jo@x.org wrote, jo@x.org answered, +1 212-555-0123 and +12125550123"
    masked = mask(text, find_personal(text))
    first, second, third, fourth = [w for w in masked.replace(",", "").split() if w.startswith("[")]
    assert first == second
    assert third == fourth
    assert find_personal(masked) == []


@pytest.mark.parametrize(
    ("turns", "kind"),
    [
        ([("user", "q")], "no target"),
        ([("user", "q"), ("assistant", "a"), ("user", "b")], "no target"),
        ([("user", "q"), ("assistant", "")], "empty target"),
        ([("user", "q"), ("assistant", "-")], "empty target"),
        ([("user", ""), ("assistant", "a")], "empty input"),
        ([("user", "q"), ("system", "s"), ("assistant", "a")], "role order"),
        ([("user", "q"), ("assistant", "a"), ("assistant", "b")], "role order"),
        (
            [("user", "q"), ("assistant", "I'm sorry, but I cannot assist with that request.")],
            "refusal",
        ),
        ([("user", "q"), ("assistant", "As an AI language model, I have no opinion.")], "refusal"),
        ([("user", "q"), ("assistant", "the same again " * 9)], "repetition"),
        (
            [
                ("user", "q"),
                (
                    "assistant",
                    "<p>Start it in safe mode and tell us what the log says; it may be an add-on. "
                    + "Hope that helps!</p> " * 9,
                ),
            ],
            "repetition",
        ),
        (
            [("user", "q"), ("assistant", "You can pay in the shop, by card, or with the")],
            "cut off",
        ),
        ([("user", "q"), ("assistant", "```python\nprint(1)\nprint(2) or so on")], "cut off"),
    ],
)
def test_broken_rows(turns: list[tuple[str, str]], kind: str) -> None:
    fault = find_fault(turns)
    assert fault is not None
    assert fault.kind == kind


@pytest.mark.parametrize(
    "target",
    [
        "yes",
        "42",
        "card_arrival",
        "I'm sorry to hear that. Please send us a photo.",
        "Use `ls -l`",
        "- one\n- two",
        "We cannot offer refunds after 30 days.",
        "summary without a full stop at the end",
        '{"a": 1}',
    ],
)
def test_sound_targets(target: str) -> None:
    assert find_fault([("user", "q"), ("assistant", target)]) is None


def test_an_unfinished_sentence_counts_where_all_others_are_finished() -> None:
    turns = [("user", "q"), ("assistant", "The form must reach us before the end of month")]
    assert find_fault(turns) is None
    fault = find_fault(turns, Habits(ends_done=0.98))
    assert fault is not None
    assert fault.kind == "cut off"


def test_repairs_are_certain_and_settle() -> None:
    assert repair("Itâ€™s the cafÃ© next door")[0] == "It’s the café next door"
    assert repair("a\x00b\r\nc \n d\u200b") == ("ab\nc\n d", ("control characters", "white space"))
    for sound in (
        "naïve façade",
        "Ærø",
        "10 €",
        "日本語",
        "fine",
        "a  b",
        "def f():\n    return 1",
    ):
        assert repair(sound) == (sound, ())


@given(st.text(max_size=60))
def test_a_repaired_text_stays_as_it_is(text: str) -> None:
    once, _ = repair(text)
    assert repair(once)[0] == once


def test_languages_are_told_only_when_certain() -> None:
    assert language("Please send me the form that I need for the new flat") == "en"
    assert (
        language("Bitte senden Sie mir das Formular, das ich für die neue Wohnung brauche") == "de"
    )
    assert (
        language("Bonjour, je voudrais savoir comment payer la facture que vous avez envoyée")
        == "fr"
    )
    assert language("Где я могу оплатить счёт?") == "ru"
    assert language("card_arrival") == ""


def test_hostile_text_takes_no_time() -> None:
    draw = random.Random(1)
    for alphabet in ("0123456789 -", "a@.", "1.2:", "(+0 ", "eyJ.a-", "ÃÂ\x80"):
        text = "".join(draw.choice(alphabet) for _ in range(50_000))
        find_personal(text)
        repair(text)
        find_fault([("user", "q"), ("assistant", text)])
        language(text)
