"""Rows that may say the same in other words or order: reported, and what differs is not."""

from __future__ import annotations

import pytest

from tunewell.similar.conversations import Conversation
from tunewell.similar.leaks import find_leaks, likely_leaks
from tunewell.similar.row_copies import find_copies
from tunewell.similar.vectors import available

OTHERS = (
    "When does the pool open on Sundays?",
    "Who waters the plants in the hall?",
    "The lift stops between two floors",
    "Please send me a new key for the cellar",
    "How loud may a piano be at night?",
    "Our heating bangs since the works",
    "Where do I leave old batteries?",
    "May a guest park in the yard?",
)


def rows(*asked: str) -> list[Conversation]:
    found = []
    for i, text in enumerate((*asked, *OTHERS)):
        found.append(Conversation(f"r{i}", (("user", text), ("assistant", "desk"))))
    return found


def likely(one: str, other: str) -> bool:
    found = find_copies(rows(one, other))
    assert (0, 1) not in set(found.pairs.positions())
    return (0, 1) in set(found.likely.positions())


MOVED = (
    (
        "when the rent is late again this month whom should I call about it",
        "whom should I call about it when the rent is late again this month",
    ),
    ("in the yard may two guests park their car", "may two guests park their car in the yard"),
)


@pytest.mark.parametrize(("one", "other"), MOVED)
def test_moved_clauses_may_say_the_same(one: str, other: str) -> None:
    assert likely(one, other)


@pytest.mark.skipif(not available(), reason="needs the optional part vectors")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I want to purchase a second key for it", "I want to buy a second key for it"),
    ],
)
def test_synonyms_may_say_the_same(one: str, other: str) -> None:
    assert likely(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("the rent of flat 12 is late, call at noon", "call at noon, the rent of flat 13 is late"),
        ("on Monday the lift must not stop at two", "the lift must stop at two on Monday"),
        ("may two guests park in the yard", "who repairs the boiler in the yard"),
    ],
)
def test_other_values_and_other_questions_do_not(one: str, other: str) -> None:
    assert not likely(one, other)


def test_a_moved_test_row_is_a_likely_leak_and_no_certain_one() -> None:
    one, other = MOVED[0]
    train, tests = rows(one)[:1], rows(other)[:1]
    known = find_leaks(train, tests)
    found = likely_leaks(train, tests, known)
    assert [leak.kind for leak in (*known, *found)] == ["likely"]
