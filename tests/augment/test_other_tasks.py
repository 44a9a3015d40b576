"""Acceptance where answers are labels, JSON, code or sums, and in scripts of other kinds."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from tunewell.augment.accept import RowAcceptance, Written
from tunewell.augment.accept.corpus import OwnRows
from tunewell.augment.accept.words import words_of
from tunewell.augment.nouns import Candidate
from tunewell.task import AugmentCell, parse_task
from tunewell.testing.made_up import made_up_row
from tunewell.types import Example, by_id

TASK = """
task: {{name: t, about: Answers what people ask., input: a question, output: an answer,
  language: {language}}}
data: [{{path: rows.jsonl}}]
"""
CELL = AugmentCell(name="c", rows=10_000, about="More rows.")


def verdicts(
    rows: Sequence[Example],
    pairs: Sequence[tuple[Example, Example]],
    *,
    cell: AugmentCell = CELL,
    language: str = "en",
) -> tuple[list[tuple[str, str]], RowAcceptance]:
    """Reason and evidence for each (parent, child)."""
    file = parse_task(TASK.format(language=language), path=Path("tunewell.yaml"), environment={})
    parents = by_id([parent for parent, _ in pairs])
    by = RowAcceptance(file, rows, [], cells={"c": cell}, parents=parents)
    written = []
    for i, (parent, child) in enumerate(pairs):
        named = child.model_copy(update={"id": f"{i}", "parent": parent.id})
        candidate = Candidate(number=i, cell="c", place=i, parent=parent.id)
        written.append(Written(candidate, named, "w"))
    return [(each.reason, each.evidence) for each in by.decide(written)], by


# --- labels ---------------------------------------------------------------------------------------

QUESTIONS = {
    "refund": [
        "I want my money back for the blue coat",
        "please return what I paid for this order",
        "can I be reimbursed for the broken lamp",
        "the shoes do not fit so refund me",
    ],
    "delivery": [
        "when does my parcel arrive",
        "the courier has not come yet",
        "where is the package that you sent on Monday",
        "my order is late by a week",
    ],
    "account": [
        "I cannot log in with my password",
        "how do I change the address in my profile",
        "delete my user data please",
        "the sign up page shows an error",
    ],
}


def label_rows() -> list[Example]:
    rows = []
    for label, asked in QUESTIONS.items():
        rows += [made_up_row(f"{label}-{i}", text, label) for i, text in enumerate(asked)]
        rows += [
            made_up_row(f"{label}-{i}b", f"hello, {text}", label) for i, text in enumerate(asked)
        ]
    return rows


@pytest.mark.parametrize(
    ("asked", "label", "reason"),
    [
        ("my parcel has not come, where is it", "delivery", ""),
        ("when will the courier be here with my order", "Delivery", ""),
        ("when does my parcel arrive, please", "delivery", "copy"),
        ("the courier lost it", "lost_parcel", "structure"),
        ("quantum chromodynamics explains hadron jets beautifully", "delivery", "elsewhere"),
    ],
)
def test_labels(asked: str, label: str, reason: str) -> None:
    rows = label_rows()
    (parent,) = [row for row in rows if row.id == "delivery-0"]
    found, _ = verdicts(rows, [(parent, made_up_row("c", asked, label))])
    assert found[0][0] == reason, found


def test_a_label_that_the_cell_asks_for_may_be_new() -> None:
    rows = label_rows()
    (parent,) = [row for row in rows if row.id == "delivery-0"]
    cell = CELL.model_copy(update={"about": "Customers whose parcel is lost: lost_parcel."})
    child = made_up_row("c", "the courier lost my parcel", "lost_parcel")
    found, _ = verdicts(rows, [(parent, child)], cell=cell)
    assert found[0][0] != "structure"


# --- data -----------------------------------------------------------------------------------------

QUERY = "SELECT {what} FROM river AS r JOIN state AS s ON r.state = s.id WHERE s.name = '{name}' ;"
STATES = "Ohio Utah Iowa Maine Texas Idaho Nevada Oregon Kansas Alaska Hawaii Montana".split()


def query_rows() -> list[Example]:
    rows = []
    for i, state in enumerate(STATES):
        asked = f"how long are the rivers of {state}"
        rows.append(made_up_row(f"l{i}", asked, QUERY.format(what="length", name=state)))
        asked = f"name the rivers that flow through {state}"
        rows.append(made_up_row(f"n{i}", asked, QUERY.format(what="name", name=state)))
    return rows


def test_another_way_to_ask_for_the_same_query_is_taken_and_an_edited_one_is_not() -> None:
    rows = query_rows()
    parent = rows[0]
    children = [
        made_up_row("a", "give me the length of all rivers in Ohio", parent.target),
        made_up_row("b", "how long are the rivers of Ohio ?", parent.target),
        made_up_row("c", "give me the length of all rivers in Ohio please", parent.target),
        made_up_row("d", "what rivers flow in Texas", QUERY.format(what="name", name="Texas")),
    ]
    found, _ = verdicts(rows, [(parent, child) for child in children])
    assert [reason for reason, _ in found] == ["", "copy", "near-duplicate", ""]


@pytest.mark.parametrize("layout", [{}, {"indent": 2}, {"separators": (",", ":")}])
def test_json_answers_end_and_are_in_no_language(layout: dict[str, object]) -> None:
    def answer(**slots: str) -> str:
        return json.dumps({"intent": "PlayMusic", "slots": slots}, **layout)  # type: ignore[arg-type]

    bands = "Abba Blur Kraftwerk Muse Pulp Queen Rammstein Texas Toto Wham Yes Zucchero".split()
    rows = [
        made_up_row(f"r{i}", f"play {song} by {band}", answer(artist=band, track=song))
        for i, band in enumerate(bands)
        for song in ("La mejor música", f"hit number {i}")
    ]
    rows = [row.model_copy(update={"id": f"{row.id}-{k}"}) for k, row in enumerate(rows)]
    child = made_up_row("c", "play music by Toto", answer(artist="Toto"))
    accents = made_up_row(
        "d", "play La mejor música by Niños", answer(artist="Niños", track="La mejor música")
    )
    found, _ = verdicts(rows, [(rows[1], child), (rows[1], accents)])
    assert [reason for reason, _ in found] == ["", ""], found


def test_sums_are_not_looked_up_and_that_is_said() -> None:
    luck = random.Random(3)
    things = "apples pears plums figs dates limes nuts kiwis melons grapes".split()
    rows = []
    for i in range(40):
        a, b = luck.randrange(200, 900), luck.randrange(200, 900)
        thing = things[i % 10]
        asked = f"Ann has {a} {thing} and Bob brings {b} more {thing}; how many are there now?"
        said = f"Together there are {a} + {b} = {a + b} {thing} on the table."
        rows.append(made_up_row(f"s{i}", asked, said))
    child = made_up_row(
        "c",
        "A basket of Bob holds 31 apples; Ann has 12 more apples. What is the number of apples?",
        "The basket and Ann together have 31 + 12 = 43 apples.",
    )
    found, by = verdicts(rows, [(rows[0], child)])
    assert found[0][0] == "", found
    assert by.unchecked["support"].startswith("the project's own answers state without support")
    assert "numbers in" in by.unchecked["support"]


def test_where_answers_keep_to_their_input_a_loose_number_is_still_found() -> None:
    rows = [
        made_up_row(f"s{i}", f"The fee of plan {i} is {i + 300} euros.", f"It is {i + 300} euros.")
        for i in range(40)
    ]
    child = made_up_row("c", "Plan 3 costs 303 euros, they say.", "You owe us 999 euros for it.")
    found, by = verdicts(rows, [(rows[3], child)])
    assert found[0][0] == "unsupported"
    assert "support" not in by.unchecked


# --- scripts --------------------------------------------------------------------------------------


def test_words_of_any_script() -> None:
    assert words_of("सूजन विरोधी दवाओं") == ["सूजन", "विरोधी", "दवाओं"]
    assert words_of("外面冷吗？") == ["外", "面", "冷", "吗"]
    assert words_of("Für Käse, l’été") == ["für", "käse", "l’été"]


def test_rows_without_spaces_are_compared_sign_by_sign() -> None:
    asked = ["明天会下雨吗", "今天外面冷吗", "周末天气怎么样", "现在气温是多少", "需要带雨伞吗"] * 5
    said = ["明天有雨。", "今天很冷。", "周末晴天。", "现在十度。", "请带雨伞。"] * 5
    rows = [
        made_up_row(f"z{i}", text, answer)
        for i, (text, answer) in enumerate(zip(asked, said, strict=True))
    ]
    own = OwnRows(rows, "zh")
    assert own.shared(words_of("明天会下雪吗"), words_of("明天会下雨吗")) > 0.5
    near = made_up_row("n", "明天会下雨吗？？", "明天有雨。")
    found, _ = verdicts(rows, [(rows[0], near)], language="zh")
    assert found[0][0] == "copy"


def test_a_project_that_holds_another_language_is_not_accused_of_it() -> None:
    english = "How do I pay the bill that you have sent to me in the last week of May?"
    german = "Wie kann ich die Rechnung zahlen, die Sie mir im Mai geschickt haben, bitte?"
    rows = [
        made_up_row(f"e{i}", f"{english} Number {i}.", "Please pay it by card.") for i in range(30)
    ]
    child = made_up_row(
        "c",
        "Wann muss ich die zweite Rechnung bezahlen, die Sie mir geschickt haben?",
        "Please pay it by card on time.",
    )
    found, _ = verdicts(rows, [(rows[0], child)])
    assert found[0][0] == "language"
    mixed = [
        *rows,
        *(made_up_row(f"d{i}", f"{german} Nummer {i}.", "Please pay by card.") for i in range(5)),
    ]
    found, _ = verdicts(mixed, [(rows[0], child)])
    assert found[0][0] != "language"
