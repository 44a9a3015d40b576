"""Words as columns say the same as word by word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewell.checks.broken.refusals import refusal, without_refusal
from tunewell.monitor.words import (
    FRESH_S,
    NumberedTerms,
    TermUses,
    fresh_uses,
    numbered_terms,
    terms_of,
)

PIECES = (
    *("mail", "Mail", "ΣΟΦΟΣ", "İstanbul", "straße", "中文", "v1.2.3", "115.6", "at&t.com", "<b>"),
    *(" ", "  ", "\n", "'", "’", "-", ".", "_", "&amp;", "\ud800", "a", "7", "2024", "May", ":"),
)
text = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def _names(
    said: NumberedTerms,
    first: int,
    last: int,
) -> list[str]:
    return [said.names[i] for i in said.entries[first:last].tolist()]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(text, text), max_size=5))
def test_each_record_has_the_terms_of_its_texts(rows: list[tuple[str, str]]) -> None:
    asked = [row[0] for row in rows]
    answers = [row[1] for row in rows]
    said = numbered_terms(asked, answers)
    for i, (question, answer) in enumerate(rows):
        middle = int(said.asked_ends[i])
        own = _names(said, int(said.ends[i]), middle)
        assert own == sorted(terms_of(question))
        more = terms_of(answer) - terms_of(question)
        assert _names(said, middle, int(said.ends[i + 1])) == sorted(more)


def test_the_share_of_new_terms_leaves_out_the_record_itself() -> None:
    said = numbered_terms(["red blue", "red", "green", ""])
    np.testing.assert_array_equal(said.new_share(2), [0.5, 0.0, 1.0, np.nan])
    assert said.kept(2).terms == ("red",)


def _first_ones(uses: Sequence[tuple[int, int, int]]) -> list[bool]:
    """Whether each use is its group's first in four weeks, one after the other."""
    last: dict[tuple[int, int], int] = {}
    found = []
    for term, group, at in uses:
        before = last.get((group, term))
        found.append(group == 0 or before is None or at - before >= FRESH_S)
        last[group, term] = at
    return found


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 90)), max_size=40),
    st.sampled_from([1, 2**45]),
)
def test_a_term_counts_once_in_four_weeks_for_a_group(
    drawn: list[tuple[int, int, int]], times: int
) -> None:
    uses = [(term, group * times, day * 86_400) for term, group, day in drawn]
    uses.sort(key=lambda use: use[2])
    table = np.array(uses, dtype=np.int64).reshape(-1, 3)
    found = fresh_uses(TermUses(table[:, 0], table[:, 1], table[:, 2]))
    assert found.tolist() == _first_ones(uses)


PHRASES = (
    *("I'm sorry, but I can't help with that.", "As an AI, I cannot answer.", "Unfortunately, no."),
    *("Das kann ich leider nicht.", "Tut mir leid, dabei kann ich nicht helfen.", "no puedo"),
    *("Je suis désolé, mais je ne peux pas répondre.", "抱歉，我无法回答。", "Order form M4."),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from([*PHRASES, " ", "\ufb01", "x"]), max_size=3).map("".join)))
def test_no_refusal_is_passed_over(targets: list[str]) -> None:
    found = without_refusal(targets)
    assert len(found) == len(targets)
    assert not any(
        surely_not and refusal(t)[0] for t, surely_not in zip(targets, found, strict=True)
    )


def test_plain_answers_are_passed_over_at_once() -> None:
    assert without_refusal(["Order form M4.", "SORRY, no.", "Größe 4"]) == [True, False, False]
