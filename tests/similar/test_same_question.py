"""What is the same question, and what is not: siblings of the cases in which people were misled."""

from __future__ import annotations

import pytest

from tunewell.similar import key
from tunewell.similar.contradictions import contradictory
from tunewell.similar.conversations import Conversation
from tunewell.similar.leaks import find_leaks
from tunewell.similar.row_copies import find_copies
from tunewell.similar.same_wording import Wordings, tokens_of


def row(name: str, asked: str, answer: str, system: str = "") -> Conversation:
    turns = [("system", system)] if system else []
    return Conversation(name, (*turns, ("user", asked), ("assistant", answer)))


def accused(train: list[Conversation], tests: list[Conversation]) -> tuple[int, int, int]:
    """Copies, leaks and contradictions."""
    copies = len(find_copies(train).pairs)
    return copies, len(find_leaks(train, tests)), len(contradictory(train))


DIFFERENT = (
    ("What is 7 + 3?", "What is 7 - 3?"),
    ("Is x <= 3?", "Is x < 3?"),
    ("5 % of it", "5 € of it"),
    ("Learn C", "Learn C++"),
    ("Learn C#", "Learn C"),
    ("Blood group A+", "Blood group A−"),
    ("It is -5 °C", "It is 5 °C"),
    ("x² here", "x³ here"),
    ("Python 3.1", "Python 3.10"),
    ("±3 mm", "+3 mm"),
    ("\u0915\u093f", "\u0915\u0940"),
    ("p < 0.05", "p > 0.05"),
)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_signs_units_and_marks_count(one: str, other: str) -> None:
    assert key(one) != key(other)


@pytest.mark.parametrize(
    "text",
    [
        "moves the model to cpu: traced in-``forward`` too",
        "v = vmin + (vmax - vmin) *",
        "└── [ 160] models--julien-c--espe └── [",
        "see iso 8859-1, rfc 2119 and a-z",
        "one - two - 3, a+b, c#",
    ],
)
def test_case_and_a_mark_at_the_end_change_no_key(text: str) -> None:
    assert key(text) == key(f"{text.upper()} !") == key(f"  {text}  ")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("7,911.6", "7911.6"),
        ("7.911,6", "7911.6"),
        ("7 911,6", "7911.6"),
        ("1,234,567", "1234567"),
        ("7'911.6", "7911.6"),
        ("€5.50", "5,5 EUR"),
        ("5%", "5 percent"),
    ],
)
def test_equal_numbers_in_other_forms_are_equal(one: str, other: str) -> None:
    assert key(one) == key(other)


ASKED = (
    "My kitchen tap drips all night",
    "The dog upstairs barks",
    "I lost the cellar key",
    "Rent went up without a letter",
    "We leave in June",
    "Is there a choir in the house?",
    "Heating bangs at four",
    "Door code fails",
    "When is my deposit back",
)
INSTRUCTIONS = (
    "Sort the message of a tenant, use one label, in capital letters, and add nothing else.\n\n",
    "Ordne die Nachricht der Mieterin ein; antworte mit einem Wort und ohne Punkt am Ende.\n",
    "Classify the following text for the front desk of our housing association: ",
)


@pytest.mark.parametrize("instruction", INSTRUCTIONS)
@pytest.mark.parametrize("place", ["before", "behind", "system"])
def test_rows_behind_one_instruction_are_compared_by_what_differs(
    instruction: str, place: str
) -> None:
    rows = []
    for i, text in enumerate(ASKED):
        asked = {"before": instruction + text, "behind": f"{text}\n{instruction}"}.get(place, text)
        rows.append(row(str(i), asked, "REPAIR", instruction if place == "system" else ""))
    assert accused(rows[:7], rows[7:]) == (0, 0, 0)


def test_questions_on_one_document_contradict_nothing() -> None:
    text = "The depot is open from Monday to Friday. Batteries go to the fire station on Saturdays."
    asked = (("When does it open on Friday?", "7:30"), ("When does it close on Friday?", "17:00"))
    rows = [row(str(i), f"{text}\n{q}", a) for i, (q, a) in enumerate(asked)]
    assert accused(rows[:1], rows[1:]) == (0, 0, 0)
    assert contradictory(rows) == []


def test_may_against_may_not_contradicts_and_is_no_copy() -> None:
    asked = "May tenants of the house keep a small dog in their flat?"
    rows = [
        row("a", asked, "Tenants may keep a small dog in the flat if it is registered."),
        row("b", asked, "Tenants may not keep a small dog in the flat if it is registered."),
    ]
    assert len(find_copies(rows).pairs) == 0
    assert len(contradictory(rows)) == 1


def test_open_requests_and_longer_names_contradict_nothing() -> None:
    rows = [
        row("a", "Write a poem about the sea and its ships.", "Waves roll in, the gulls cry."),
        row("b", "Write a poem about the sea and its ships.", "Salt on my lips, a sail afar."),
        row("c", "Who wrote the drama of Faust in Weimar?", "Goethe"),
        row("d", "Who wrote the drama of Faust in Weimar?", "Johann Wolfgang von Goethe"),
    ]
    assert contradictory(rows) == []


@pytest.mark.parametrize(
    "spoiled",
    [
        "trun on the kitchen lights before six",
        "turn on the kit chen lights before six",
        "Turn on the kitchen lights, before six!",
        "turn on the kitch\u0435n lights before six",
        "Hello, could you please turn on the kitchen lights before six, thanks a lot",
    ],
)
def test_short_texts_are_known_in_other_spelling(spoiled: str) -> None:
    texts = ["turn on the kitchen lights before six", spoiled, "turn off the kitchen lights"]
    wordings = Wordings.of([tokens_of(text) for text in texts])
    assert wordings.same(0, 1)
    assert not wordings.same(0, 2)


def test_the_beginning_of_a_conversation_is_a_leak() -> None:
    asked = "My heating has been cold since Monday, what shall I do about it?"
    begun = row("a", asked, "Open the valve.")
    turns = (*begun.turns, ("user", "It is open."), ("assistant", "Then we send somebody."))
    assert [leak.kind for leak in find_leaks([begun], [Conversation("t", turns)])] == ["prefix"]
