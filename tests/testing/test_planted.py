from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewell.testing.planted import corpus, edit, edit_blocks, text


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 99),
    share=st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.5]),
    words=st.integers(40, 400),
)
def test_so_many_words_are_edited_as_asked(seed: int, share: float, words: int) -> None:
    original = text(random.Random(seed), words).split()
    for editor in (edit, edit_blocks):
        edited = editor(" ".join(original), share, random.Random(seed), known=["new"]).split()
        assert (
            edited == editor(" ".join(original), share, random.Random(seed), known=["new"]).split()
        )
        asked = round(share * words)
        put, lost = (
            edited.count("new"),
            len(original) - sum((Counter(original) & Counter(edited)).values()),
        )
        assert (
            max(put, lost) <= asked <= put + lost + 3
        )  # blocks are of one length: up to three words may be left over
        assert len(edited) == words + put - lost


def test_blocks_are_runs() -> None:
    original = text(random.Random(1), 400).split()
    edited = edit_blocks(" ".join(original), 0.2, random.Random(3), blocks=2, known=["new"]).split()
    runs = "".join("x" if word == "new" else "." for word in edited)
    assert 1 <= sum(part.startswith("x") for part in runs.replace(".x", ". x").split()) <= 2


def test_a_corpus_repeats_by_its_seed_and_says_what_was_planted() -> None:
    one = corpus(seed=3, clean=60, each=3, words=40, edits=(0.15,), leaks=(0.2,))
    assert one == corpus(seed=3, clean=60, each=3, words=40, edits=(0.15,), leaks=(0.2,))
    assert one.rows != corpus(seed=4, clean=60, each=3, words=40).rows
    rows = {row["id"]: row for row in one.rows}
    assert len(rows) == len(one.rows)
    kinds = Counter((plant.code, plant.kind) for plant in one.truth)
    assert kinds["D04", "edited 15%"] == kinds["D11", "edited 20%"] == kinds["D11", "exact"] == 3
    evaluation = {row["id"] for row in one.evaluation}
    for plant in one.truth:
        assert plant.row in rows
        assert not plant.other or plant.other in (evaluation if plant.code == "D11" else rows)
    lengths = [
        sum(len(turn["content"].split()) for turn in rows[name]["messages"]) for name in one.clean
    ]
    assert set(lengths) == {40}


@pytest.mark.parametrize("base", [[], [f"word{i} " * 30 for i in range(400)]])
def test_real_texts_may_be_the_base(base: list[str]) -> None:
    made = corpus(clean=50, each=2, base=base)
    first = next(row for row in made.rows if row["id"] == made.clean[0])["messages"][0]["content"]
    assert first.startswith("word") == bool(base)
