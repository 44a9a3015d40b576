from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewell.similar.gaps import with_gaps
from tunewell.similar.meaning_map import islands, make_map, telling_words
from tunewell.similar.vectors import available

THINGS = "meter bill tariff deposit contract outage cable socket invoice payment".split()
DESK = [
    f"please {verb} the {thing} of my flat number {n}"
    for thing in THINGS
    for verb in ("check", "send")
    for n in "abc"
]
CHAT = [
    f"i love {thing} so much, {word} my friend"
    for thing in ("football", "pizza", "music", "cats", "films")
    for word in ("haha", "really", "hello", "truly")
]


def unit(
    random: np.random.Generator, centres: int, each: int
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    points: np.ndarray[tuple[int, int], np.dtype[np.float64]] = np.repeat(
        np.eye(centres, 32), each, axis=0
    )
    points = points + 0.05 * random.standard_normal((centres * each, 32))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points.astype(np.float32)


@given(st.integers(0, 1000), st.integers(2, 6), st.integers(4, 40))
def test_islands_are_numbered_by_size_and_none_is_tiny(seed: int, centres: int, each: int) -> None:
    points = unit(np.random.default_rng(seed), centres, each)
    own, middles = islands(points, seed=seed)
    counts = np.bincount(own, minlength=len(middles))
    assert counts.sum() == len(points)
    assert (np.diff(counts) <= 0).all()
    assert len(middles) == 1 or counts.min() >= 3


@pytest.mark.skipif(not available(), reason="the part 'vectors' is not installed")
def test_a_map_holds_every_row_once_with_its_fate_and_is_the_same_each_time() -> None:
    texts = [*DESK, *CHAT]
    fates = ["kept"] * len(DESK) + ["D01"] * len(CHAT)
    ids = [f"r{i}" for i in range(len(texts))]
    made = make_map(ids, texts, fates)
    assert made is not None
    assert made == make_map(ids, texts, fates)
    rows = {row[0]: row[3] for island in made.islands for row in island.rows}
    assert rows == dict(zip(ids, fates, strict=True))
    assert all(x * x + y * y <= 1.0001 for island in made.islands for _, x, y, _ in island.rows)
    emptied = [i for i in made.islands if i.emptied]
    assert emptied
    assert sum(i.dropped for i in emptied) >= 0.9 * len(CHAT)
    assert {"love", "much", "friend"} & {word for i in emptied for word in i.words}
    assert make_map(ids[:10], texts[:10], fates[:10]) is None
    assert make_map(["a"] * 40, [""] * 40, ["kept"] * 40) is None


@pytest.mark.skipif(not available(), reason="the part 'vectors' is not installed")
def test_a_sample_is_drawn_of_many_rows() -> None:
    made = make_map([str(i) for i in range(600)], (DESK * 10)[:600], ["kept"] * 600, most=200)
    assert made is not None
    assert (made.shown, made.of, sum(i.size for i in made.islands)) == (200, 600, 200)


@pytest.mark.skipif(not available(), reason="the part 'vectors' is not installed")
def test_what_the_test_rows_have_and_training_has_not_is_listed_as_missing() -> None:
    texts = [*DESK, *CHAT[:12], *CHAT]
    fates = ["kept"] * len(DESK) + ["test"] * 12 + ["test"] * len(CHAT)
    made = make_map([str(i) for i in range(len(texts))], texts, fates)
    assert made is not None
    missing = [island.missing for island in with_gaps(made).islands if island.missing]
    assert missing
    assert all(0 < lack.low <= lack.value <= lack.high for lack in missing)


def test_telling_words_are_of_their_group() -> None:
    own = np.array([0] * len(DESK) + [1] * len(CHAT))
    desk, chat = telling_words([*DESK, *CHAT], own, 2)
    found = Counter(" ".join(CHAT).split())
    assert all(found[word] == 0 for word in desk)
    assert "love" in chat
