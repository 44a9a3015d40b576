from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewell.metrics import Marked, build_metrics
from tunewell.metrics.coverage import content_words, covered, grounded, novel_words, recalled
from tunewell.task import parse_task
from tunewell.types import Example, Message

TEXT = st.text(alphabet="abc 12.,", max_size=40)


@given(TEXT, TEXT)
def test_shares_are_shares_and_nothing_is_left_out_of_a_whole_copy(a: str, b: str) -> None:
    for share in (covered(a, b), grounded(a, b), recalled(a, b)):
        assert 0 <= share <= 1
    assert recalled(a + " " + a, a) == pytest.approx(1)
    assert covered(a, a) == grounded(a, a) == 1
    assert novel_words(a, a) == []


@given(TEXT, TEXT)
def test_novel_words_are_those_that_make_an_answer_ungrounded(output: str, given_text: str) -> None:
    words = content_words(output)
    assert (not novel_words(output, given_text)) == (grounded(output, given_text) == 1)
    assert set(novel_words(output, given_text)) <= set(words)


def test_recall_minds_what_is_left_out_not_what_is_added() -> None:
    gold = "Takes 2 tablets daily. No allergies."
    whole = (
        "The patient takes two tablets daily, has no allergies and lives alone in a flat on the "
        "third floor."
    )
    part = "Takes two tablets."
    assert recalled(whole, gold) > 0.9 > 0.6 > recalled(part, gold)


def test_what_nobody_said_is_counted_and_named() -> None:
    file = parse_task(
        "task: {name: n, about: Notes of visits., input: a visit, output: a note}\n"
        "data: [{path: a}]\n"
        "metrics: [{name: novel}, {name: recalled}]",
        path=Path("tunewell.yaml"),
        environment={},
    )
    turns = (
        Message(role="user", content="My head hurts."),
        Message(role="assistant", content="Headache."),
    )
    novel, recall = build_metrics(file)
    found = novel("A 57-year-old male: head hurts", Example(id="1", messages=turns), task=file.spec)
    assert isinstance(found, Marked)
    assert (found.value, found.reason) == (4, "not in the input: 57, year, old, male")
    assert not novel.info.bigger_is_better
    assert not novel.info.validated  # it counts words: it never opens a gate alone
    made = recall("headache", Example(id="1", messages=turns), task=file.spec)
    assert isinstance(made, Marked)
    assert made.value == 1
