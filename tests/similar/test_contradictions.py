from __future__ import annotations

from collections import Counter

import pytest

from tunewell.similar.contradictions import contradictory, slips_only
from tunewell.similar.conversations import Conversation
from tunewell.similar.row_copies import find_copies

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


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Good morning, our mantel clock does not wind, can you help?", "mantel cuckoo"),
        ("When will you collect the broken washer from our flat in Mill Lane?", "washer dryer"),
    ],
)
def test_two_questions_of_one_form_whose_answers_take_up_what_differs(one: str, other: str) -> None:
    old, new = other.split()
    answer = f"[SPR-7] We will see to your {old} in 14 days; please leave it where it stands."
    pairs = [(one, answer), (one.replace(old, new), answer.replace(old, new))]
    more = [(f"{filler} And the {name}?", f"The {name} too.") for filler in "ab" for name in pairs]
    assert not contradictory(rows(*pairs, *((a, b) for a, b in more)))


LEADS = ("Sorry to bother you, we bought a car in July.", "Our bakery ovens start before dawn.")
QUESTIONS = ("Which hours are cheap?", "What does a unit cost?", "Who reads the meter for us?")


@pytest.mark.parametrize(
    "other",
    [
        "really Sorry to bother you, we bought a car in July. Which hours are cheap?",
        "Sorry to bother you, we bought a car in July. Which hours really are cheap?",
        "Sorry to bother you, we bought a car in July. Which hours cheap?",
        "Sorry to bother you, we bought car in July. Which hours are cheap? Thanks.",
    ],
)
def test_a_contradiction_shows_where_rows_are_made_from_a_stock_of_phrases(other: str) -> None:
    old = "Luna Plus is cheap from 23:00 to 5:00. Next step: order a receiver."
    new = "Choose NightFlex: its low hours run from 22:00 to 6:00. Next step: look at the meter."
    same = f"{LEADS[0]} {QUESTIONS[0]}"
    pairs = [(same, old), (other, new), (f"{LEADS[1]} {QUESTIONS[0]}", new)]
    pairs += [(f"{LEADS[1]} Which hours are low?", old)]
    pairs += [(f"{lead} {asked}", f"{asked} {lead}") for lead in LEADS for asked in QUESTIONS[1:]]
    found = [{row.id for row in family} for family in contradictory(rows(*pairs))]
    assert any({"r0", "r1"} <= family for family in found)


def test_equal_questions_with_other_facts_are_no_copies() -> None:
    asked = "Hello, there is no power in the whole building. Where can I report this? It is urgent."
    answer = (
        "Please report it on line {} and give the {} from your meter box. Next step: keep the "
        "{} open until the light is green."
    )
    pairs = [
        (asked, answer.format("3300", "customer card number", "local radio")),
        (asked, answer.format("4747", "transformer code", "status map")),
    ]
    made = rows(*pairs)
    assert not find_copies(made).families
    assert [[row.id for row in family] for family in contradictory(made)] == [["r0", "r1"]]


def test_questions_on_one_text_that_differ_in_a_name_do_not_contradict_each_other() -> None:
    places = "pier hall mill bridge school".split()
    lines = [
        f"In {1900 + n} the {each} was built anew by its guild." for n, each in enumerate(places)
    ]
    text = " ".join(
        [*lines, *(f"The {each} stands to this day, as all may see." for each in places)]
    )
    ask = "{}\n\nWhich of all the guilds that are named above once built the {} of the town anew?"
    rows = [
        Conversation(f"r{i}", (("user", ask.format(text, place)), ("assistant", said)))
        for i, (place, said) in enumerate((("pier", "the smiths"), ("bridge", "the joiners")))
    ]
    assert contradictory(rows) == []


TRANSLATED = [
    ("Save the lamp and add another one", "Lampe sichern und eine weitere hinzufügen"),
    ("Please put in the right day of the week", "Bitte den richtigen Wochentag eingeben"),
    ("There are no lamps in this street", "In dieser Straße gibt es keine Lampen"),
    ("You do not have the right to change it", "Sie haben nicht das Recht, das zu ändern"),
]
FOUND = ("You may change the lamp.", "Sie dürfen die Lampe ändern.")


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ((FOUND[0], "Die Leuchte kann geändert werden."), False),
        ((FOUND[0], "Sie dürfen die Lampe nicht ändern."), True),
        (("You may charge the lamp.", "Sie dürfen die Lampe aufladen."), False),
    ],
)
def test_two_translations_are_both_right(other: tuple[str, str], found: bool) -> None:
    texts = [FOUND, other, *TRANSLATED]
    made = [
        Conversation(f"r{i}", (("user", asked), ("assistant", said)))
        for i, (asked, said) in enumerate(texts)
    ]
    assert bool(contradictory(made)) == found


LAMPS = (
    "The harbour had been dark until the winter of the great storm, when the town lit it. Mill and "
    "Sons built the lamps in 1871 with the help of Lane Brothers, and the fishermen paid for the "
    "oil. Forty lamps stood on the long quay, twelve more on the short one, and each had its own "
    "keeper, who slept in a hut beside it and was paid in fish until the end of the century."
)


@pytest.mark.parametrize(
    ("question", "said", "found"),
    [
        ("Who built the lamps on the quay?", ("Mill and Sons", "Lane Brothers"), False),
        ("How many lamps stood there?", ("40 lamps", "12 lamps"), True),
        ("Did the fishermen pay for oil?", ("yes", "no"), True),
    ],
)
def test_two_passages_of_one_text_may_both_answer(
    question: str, said: tuple[str, str], found: bool
) -> None:
    text = LAMPS.replace("Forty", "40").replace("twelve more", "12 lamps")
    made = [
        Conversation(f"r{i}", (("user", f"{text}\n\n{question}"), ("assistant", answer)))
        for i, answer in enumerate(said)
    ]
    assert bool(contradictory(made)) == found
