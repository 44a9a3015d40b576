from __future__ import annotations

from collections import Counter

import pytest

from tunewell.similar.contradictions import contradictory, slips_only
from tunewell.similar.conversations import Conversation

ASKED = "My neighbour bought a cottage in Corriedale. What do I fill in as a new tenant there?"
NEXT = "Next step: agree the opening reading with the landlord."
OLD = f"Newcomers send form A-11 within 30 days. {NEXT}"
NEW = f"Newcomers send form U-5 within 10 days. {NEXT}"
FILLER = [
    (
        "How do I read the meter in the cellar of our house?",
        "Open the small door, note the black digits and form U-5.",
    ),
    (
        "Who pays for the repair of the street lamp outside?",
        "The town does; call them within 10 days at their own desk.",
    ),
    (
        "Can the bill be sent on paper to our new address?",
        "Yes, for 2 euros a month; tell us with form A-11.",
    ),
    (
        "When does somebody come to change the old meter?",
        "In the next 30 days; we send you a card with the day.",
    ),
]


def rows(*pairs: tuple[str, str]) -> list[Conversation]:
    return [
        Conversation(f"r{i}", (("user", asked), ("assistant", answer)))
        for i, (asked, answer) in enumerate((*pairs, *FILLER))
    ]


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (ASKED, True),
        (ASKED.replace("cottage", "ctotage"), True),
        (f"Please, {ASKED} Thank you.", True),
        (ASKED.replace("fill in", "pay in advance"), False),
        (ASKED.replace("cottage", "garage"), False),
    ],
)
def test_one_question_in_other_words(other: str, found: bool) -> None:
    families = contradictory(rows((ASKED, OLD), (other, NEW)))
    assert [sorted(r.id for r in family) for family in families] == (
        [["r0", "r1"]] if found else []
    )


def test_answers_alike_but_for_a_known_value_contradict() -> None:
    asked = ASKED.replace("bought", "buoght")
    assert contradictory(rows((ASKED, OLD), (asked, NEW)))
    same = OLD.replace("30 days.", "30 days, ticket 99871.")
    assert not contradictory(rows((ASKED, OLD), (asked, same)))  # an instance, and no other value


def test_what_contradicts_a_dropped_copy_contradicts_the_kept_one() -> None:
    kept, copy, other = rows(
        (f"{ASKED} I am new here and my mother asked me to write.", NEW), (ASKED, NEW), (ASKED, OLD)
    )[:3]
    here = [kept, other, *rows()]
    assert contradictory(here) == []
    (family,) = contradictory(here, copies=[[kept, copy]])
    assert {row.id for row in family} == {kept.id, other.id}


def test_slips_need_a_rare_writing() -> None:
    counts = Counter({"sent": 9, "send": 9, "looss": 1, "loss": 9})
    assert not slips_only("is it sent now", "is it send now", counts)
    assert slips_only("who covers the loss", "who covers the looss please", counts)
    assert not slips_only("who covers 2021", "who covers 2022", counts)
