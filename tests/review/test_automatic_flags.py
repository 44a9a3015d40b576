"""What a program marks in an output: the very characters, whatever the writing."""

from __future__ import annotations

import datetime as dt
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from tests.review.conftest import Desk
from tunewell.metrics.facts import Facts
from tunewell.review.automatic_flags import marks
from tunewell.types import Example, Message

FACTS = Facts.model_validate(
    {
        "facts": [
            {
                "entity": "Green tariff",
                "attribute": "price per kWh",
                "value": "31.2 ct",
                "to": "2025-12-31",
            },
            {
                "entity": "Green tariff",
                "attribute": "price per kWh",
                "value": "29.8 ct",
                "from": "2026-01-01",
            },
        ]
    }
)


def row(text: str, day: dt.date | None = None) -> Example:
    return Example(id="1", messages=(Message(role="user", content=text),), date=day)


def test_what_the_source_does_not_bear_out_is_marked(desk: Desk) -> None:
    batch = desk.review("ann", rows=24)
    marked = {
        i.output[m.start : m.end]
        for i in desk.book.items(batch.id)
        for m in i.marks
        if m.kind == "unsupported"
    }
    assert "92.10" in marked  # promised by the prompted arm, stands nowhere in the question
    assert "184.20" not in marked


def test_what_is_out_of_date_is_marked_with_what_holds() -> None:
    answer = "It is simple.\nThe Green tariff costs 31.2 ct per kWh."
    found = marks(answer, row("What does 31.2 ct mean?", dt.date(2026, 3, 1)), facts=FACTS)
    (mark,) = [m for m in found if m.kind == "outdated"]
    assert answer[mark.start : mark.end] == "The Green tariff costs 31.2 ct per kWh."
    assert "29.8 ct is valid on 2026-03-01" in mark.why
    assert not any(
        m.kind == "outdated" for m in marks(answer, row("?", dt.date(2025, 3, 1)), facts=FACTS)
    )
    assert not any(
        m.kind == "outdated" for m in marks(answer, row("?"), facts=FACTS)
    )  # a question without a date


def test_marks_lie_on_the_same_characters_in_decomposed_writing() -> None:
    answer = unicodedata.normalize("NFD", "Für die Zählerprüfung zahlen Sie 48.20 EUR.")
    (mark,) = marks(answer, row("Was kostet das?"), language="de")
    assert answer[mark.start : mark.end] == "48.20"


@example("\u00e1 1\u0301")  # a digit and its accent stay two characters in the composed form
@given(st.text(alphabet="aé1€ .2e\u0301\u0327\u1100\u1161\u11a8\u202e\n", max_size=60))
def test_marks_never_leave_the_text(answer: str) -> None:
    for mark in marks(answer, row("nothing")):
        assert 0 <= mark.start < mark.end <= len(answer)


def test_endless_words_and_texts_take_no_time_and_are_not_marked() -> None:
    import time

    started = time.process_time()
    for answer in (
        "A" * 1_000_000,
        "A'" * 500_000,
        "Aa " * 300_000,
        "1," * 500_000,
        "x@" * 500_000,
        "\n" * 1_000_000,
    ):
        marks(answer, row(answer))
    assert time.process_time() - started < 30
    (mark,) = marks("B" * 5000 + " pays 48.20 EUR", row("nothing"))
    assert mark.start == 5006
