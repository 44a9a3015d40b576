"""What people changed, by kind of error, and whether the errors come back."""

from __future__ import annotations

import datetime as dt

import pytest

from tunewell.review.human_changes import (
    HumanChange,
    counted_kinds,
    kind_of_change,
    recurrence,
    recurs,
)


def change(before: str, after: str, *, row: str = "r", part: str = "review") -> HumanChange:
    kinds = (kind_of_change(before, after),)
    at = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)
    return HumanChange(row=row, part=part, before=before, after=after, kinds=kinds, at=at)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("You owe 30 euros.", "You owe 35 euros.", "other values"),
        ("Call Mr Okafor now.", "Call Mrs Brandt now.", "other values"),
        ("Send the form.", "Send the form, signed, by Friday, to the office in town.", "left out"),
        ("Send the form, signed, by Friday, to the office in town.", "Send the form.", "too much"),
        ("SEND the form", "Send the form.", "form"),
        ("We will look at it soon.", "We shall look at it soon.", "wording"),
        ("I cannot help.", "Your meter is read on the fifth of May by our fitter.", "written anew"),
        ("", "Send the form.", "written anew"),
    ],
)
def test_kinds_of_change(before: str, after: str, kind: str) -> None:
    assert kind_of_change(before, after) == kind


def test_an_error_comes_back_where_the_old_answer_does() -> None:
    wrong_value = change("You owe 30 euros by May.", "You owe 35 euros by May.")
    assert recurs(wrong_value, "It is 30 euros, due in May.")
    assert not recurs(wrong_value, "It is 35 euros, due in May.")
    assert not recurs(wrong_value, "Ask the office."), "another error is no recurrence"
    left_out = change("Send it.", "Send it signed, with the date on it, please.")
    assert recurs(left_out, "Send it.")
    assert not recurs(left_out, "Please send it signed, with the date on it.")
    too_much = change("Send it, we love you, dear customer.", "Send it.")
    assert recurs(too_much, "We love you, dear customer.")
    assert not recurs(too_much, "Send it.")


def test_recurrence_is_an_estimate_and_says_what_it_did_not_see() -> None:
    changes = [
        change("You owe 30 euros.", "You owe 35 euros.", row="a"),
        change("You owe 31 euros.", "You owe 36 euros.", row="b", part="test"),
        change("You owe 32 euros.", "You owe 37 euros.", row="c"),
        change("Send the form.", "Send the form, signed, to the town office.", row="d"),
    ]
    answers = {
        ("review", "a"): "30 euros",
        ("test", "b"): "36 euros",
        ("review", "d"): "Send the form, signed, to the town office.",
    }
    found = recurrence(changes, answers)
    assert found.rate is not None
    assert found.rate.value == pytest.approx(1 / 3)
    assert found.rate.n == 3
    assert found.kinds["other values"].value == 0.5
    assert found.kinds["left out"].value == 0
    assert (found.again, found.trained_on, found.unanswered) == (("a",), 2, 1)
    assert counted_kinds(changes) == {"other values": 3, "left out": 1}
    nothing = recurrence(changes, {})
    assert (nothing.rate, nothing.unanswered) == (None, 4)
