from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.similar.words import edited, sentence
from tunewell.similar import candidates as module
from tunewell.similar import near_pairs, split_words
from tunewell.similar.frequency import count_words
from tunewell.similar.word_table import have_digits


def test_threads_change_nothing() -> None:
    texts = [sentence(i, 40) for i in range(2_500)] + [
        edited(sentence(i, 40), 0.2, i) for i in range(100)
    ]
    one, two = split_words(texts), split_words(texts, workers=2)
    assert np.array_equal(one.codes, two.codes)
    assert np.array_equal(one.starts, two.starts)
    alone, together = near_pairs(one), near_pairs(two, workers=2)
    assert np.array_equal(alone.left, together.left)
    assert np.array_equal(alone.right, together.right)
    assert np.array_equal(alone.similarity, together.similarity)


def test_the_check_of_candidates_among_many_rows_costs_no_recall(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = [sentence(i, 60) for i in range(1_500)] + [
        edited(sentence(i, 60), 0.3, i) for i in range(400)
    ]
    words = split_words(texts)
    monkeypatch.setattr(module, "_SMALL", 0)
    checked = near_pairs(words)
    monkeypatch.setattr(module, "LIKELY", 0)
    unchecked = near_pairs(words)
    found = set(zip(checked.left.tolist(), checked.right.tolist(), strict=True))
    assert found <= set(zip(unchecked.left.tolist(), unchecked.right.tolist(), strict=True))
    assert len(found) >= 0.99 * len(unchecked)
    assert sum((i, 1_500 + i) in found for i in range(400)) >= 0.9 * 400


def test_candidates_come_in_batches_and_no_pair_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [sentence(i % 50, 30) for i in range(400)]
    whole = near_pairs(texts)
    monkeypatch.setattr(module, "_AT_ONCE", 100)
    parts = near_pairs(texts)
    assert np.array_equal(whole.left, parts.left)
    assert np.array_equal(whole.right, parts.right)


def test_one_huge_text_among_short_ones() -> None:
    huge = " ".join(sentence(i, 500) for i in range(300))  # far more than one piece
    words = split_words([sentence(1, 20), huge, "x" * 600_000, sentence(1, 20)])
    assert words.lengths[0] == words.lengths[3] == 20
    assert words.lengths[1] == len(huge.split())
    assert np.array_equal(words.of(0), words.of(3))
    again = split_words([huge])
    assert np.array_equal(again.of(0), words.of(1))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.sampled_from("ab cd ef 12 x3".split()), max_size=8), max_size=8))
def test_a_word_is_counted_as_often_as_it_stands(rows: list[list[str]]) -> None:
    words = split_words([" ".join(row) for row in rows])
    every = [word for row in rows for word in row]
    frequency = count_words(words)
    assert frequency.of(words.codes).tolist() == [every.count(word) for word in every]
    assert frequency.tiers(words.codes, (1, 2)).tolist() == [
        (every.count(w) > 1) + (every.count(w) > 2) for w in every
    ]
    assert have_digits(words.codes).tolist() == [any(c.isdigit() for c in word) for word in every]


def test_a_character_that_stands_for_several_words() -> None:
    words = split_words(["ﷺ" * 50])  # NFKC makes four words of it
    assert words.lengths[0] > 50
