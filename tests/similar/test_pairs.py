from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.similar.words import edited, sentence
from tunewell.similar import Links, key, near_pairs, normalise, similarities, split_words
from tunewell.similar.conversations import Conversation
from tunewell.similar.leaks import find_leaks
from tunewell.similar.row_copies import find_copies
from tunewell.similar.signs import with_signs


@pytest.mark.parametrize(("share", "least"), [(0.1, 0.97), (0.2, 0.95), (0.3, 0.85)])
def test_edited_copies_of_short_rows_are_found(share: float, least: float) -> None:
    base = [sentence(i, 60) for i in range(2_000)]
    copies = [edited(text, share, i) for i, text in enumerate(base[:500])]
    pairs = near_pairs([*base, *copies])
    found = {(i, j) for i, j in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)}
    recall = sum((i, 2_000 + i) in found for i in range(500)) / 500
    assert recall >= least
    clean = {i for i, j in found if j < 2_000}
    assert len(clean) <= 2


def test_only_pairs_across_two_sets() -> None:
    base = [sentence(i, 40) for i in range(200)]
    pairs = near_pairs([*base[:50], *base], across=50)
    assert set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)) == {
        (i, 50 + i) for i in range(50)
    }


def test_a_large_family_is_closed_through_links() -> None:
    same = [f"{sentence(1, 50)} {sentence(i, 3)}" for i in range(300)]
    pairs = near_pairs(same)
    links = Links(300)
    for i, j in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True):
        links.join(i, j)
    assert len(links.groups()) == 1


def test_a_pair_of_two_texts_is_found_however_few_there_are() -> None:
    assert (
        len(near_pairs(["move the contract to a new flat", "move the contract to the new flat"]))
        == 1
    )
    assert len(near_pairs(["only one"])) == 0
    assert len(near_pairs([])) == 0


texts = st.lists(st.text(st.sampled_from("abcXYZ 12.,é–中文"), max_size=30), max_size=20)


@settings(max_examples=200, deadline=None)
@given(texts=texts)
def test_words_agree_with_the_plain_way(texts: list[str]) -> None:
    words = split_words(texts)
    assert len(words) == len(texts)
    plain = [normalise(with_signs(t)).split() for t in texts]
    for i, expected in enumerate(plain):
        if not texts[i].isascii() or "".join(expected) == "":
            continue
        assert words.lengths[i] == len([w for w in expected if any(c.isalnum() for c in w)])
        for j, other in enumerate(plain):
            if texts[j].isascii() and expected and other:
                a, b = words.of(i), words.of(j)
                assert (a.tolist() == b.tolist()) == (
                    expected == other or (not len(a) and not len(b))
                )


@settings(max_examples=100, deadline=None)
@given(texts=texts)
def test_similarity_is_symmetric_and_one_for_equals(texts: list[str]) -> None:
    words = split_words([*texts, *texts])
    n = len(texts)
    left, right = np.arange(n, dtype=np.int64), np.arange(n, 2 * n, dtype=np.int64)
    assert (similarities(words, left, right) == 1).all()
    if n > 1:
        shifted = np.roll(right, 1)
        assert np.array_equal(
            similarities(words, left, shifted), similarities(words, shifted, left)
        )


@given(st.text(max_size=40))
def test_a_key_does_not_see_case_or_spaces(text: str) -> None:
    assert key(text) == key(f"  {text} \n")


PAST = "Change the sentence below so that everything in it happens in the past."
MOOD = "Say in one sentence which mood the sentence has that stands below this line."
GAP = "Fill in the one word that is left out of the sentence below."
TASKS = (
    (PAST, "The ferry leaves at noon sharp.", "The ferry left at noon sharp."),
    (PAST, "The tram starts at noon sharp.", "The tram started at noon sharp."),
    (MOOD, "I adore this tune!", 'The sentence "I adore this tune!" has a warm mood.'),
    (MOOD, "I detest this tune!", 'The sentence "I detest this tune!" has a cold mood.'),
    (GAP, "The largest bird on this coast is the ___", "The largest bird here is the gull."),
    (GAP, "The largest fish on this coast is the ___", "The largest fish here is the cod."),
)


def test_a_task_whose_answer_takes_up_its_own_words_is_no_copy_and_no_leak() -> None:
    rows = [
        Conversation(f"r{i}", (("user", f"{task}\n\n{text}"), ("assistant", said)))
        for i, (task, text, said) in enumerate(TASKS)
    ]
    assert find_copies(rows).families == []
    assert find_leaks(rows[::2], rows[1::2]) == []


def test_a_slip_in_question_and_answer_is_still_a_copy() -> None:
    asked = "Put the sentence into the past. The ferry for the islands leaves at noon sharp."
    said = "The ferry for the islands left at noon sharp, as every day."
    slips = asked.replace("islands", "ilsands"), said.replace("islands", "ilsands")
    texts = [(asked, said), slips]
    rows = [
        Conversation(f"r{i}", (("user", a), ("assistant", b))) for i, (a, b) in enumerate(texts)
    ]
    assert find_copies(rows).families == [[0, 1]]


def test_two_questions_on_one_text_are_no_copies_however_alike_their_answers() -> None:
    text = (
        "Mill & Sons lit the harbour with forty lamps, the first on this coast. Lane and Vail paid "
        "for the works. The lamps burnt until the war, when the town took them down for good. A "
        "new row was built in stone, and the old posts went to the museum of the port, where they "
        "stand in the yard to this day. Nobody knows what became of the glass, and nobody asked."
    )
    asked = (
        ("What was the name of the firm that the two men paid?", "Mill & Sons, the works"),
        ("What did Lane and Vail pay for?", "Mill & Sons, the works"),
    )
    rows = [
        Conversation(f"r{i}", (("user", f"{text}\n\n{question}"), ("assistant", said)))
        for i, (question, said) in enumerate(asked)
    ]
    assert find_copies(rows).families == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            ("The day must be written as YYYY-MM-DD here.", "Bitte hier YYYY-MM-DD schreiben."),
            ("The time must be written as HH:MM here.", "Bitte hier HH:MM schreiben."),
        ),
        (
            (
                "The {name} was added. You may add another one below.",
                "{name} kam hinzu, noch eins?",
            ),
            (
                "The {name} was changed. You may add another one below.",
                "{name} ist neu, noch eins?",
            ),
        ),
        (
            ("Back to the long lamp list", "Zurück zur langen Liste der Lampen"),
            ("Back to the lamp list", "Zurück zur Liste der Lampen"),
        ),
        (
            ("Move {name}", "{name} verschieben"),
            ("Move the old lamp: {name}", "Alte Lampe verschieben: {name}"),
        ),
        (
            ("Enter a valid hour.", "Bitte eine gültige Stunde eingeben."),
            ("Enter a valid day and hour.", "Bitte gültigen Tag und Stunde eingeben."),
        ),
        (
            ("It costs about a million.", "Es kostet etwa eine Million."),
            ("It costs about a billion.", "Es kostet etwa eine Milliarde."),
        ),
        (
            (
                "If your lamp has lost its blue shade, please put it on again before dusk.",
                "青い笠がランプから外れた場合は、日没までに再び取り付けてください。",
            ),
            (
                "If your lamp has lost its long brass foot, please put it on again before dusk.",
                "真鍮の長い脚がランプから外れた場合は、日没までに再び取り付けてください。",
            ),
        ),
        (("lamp", "Lampe"), ("lamps", "Lampe")),
    ],
)
def test_what_differs_in_question_and_answer_makes_two_facts(
    first: tuple[str, str], second: tuple[str, str]
) -> None:
    rows = [
        Conversation(f"r{i}", (("user", asked), ("assistant", said)))
        for i, (asked, said) in enumerate((first, second))
    ]
    assert find_copies(rows).families == []
    assert find_leaks(rows[:1], rows[1:]) == []


def test_other_small_words_in_question_and_answer_make_no_second_fact() -> None:
    asked = "How do I return the wooden lamp which I bought on Monday?"
    said = "Bring it to our shop in Mill Lane with the bill."
    edited = asked.replace("which I", "I"), said.replace("to our", "into the")
    rows = [
        Conversation(f"r{i}", (("user", a), ("assistant", b)))
        for i, (a, b) in enumerate(((asked, said), edited))
    ]
    assert find_copies(rows).families == [[0, 1]]
    assert len(find_leaks(rows[:1], rows[1:])) == 1


def test_a_word_more_under_another_label_is_another_question() -> None:
    labels = ["card_limits", "order_card"]
    asked = ["Is there a limit to a virtual card?", "Is there a virtual card?"]
    rows = [
        Conversation(f"r{i}", (("user", text), ("assistant", label)))
        for i, (text, label) in enumerate(zip(asked, labels, strict=True))
    ]
    assert find_leaks(rows[:1], rows[1:]) == []
    same = [Conversation("x", (("user", f"Please, {asked[1]}"), ("assistant", labels[0])))]
    assert len(find_leaks(same, rows[1:])) == 1
