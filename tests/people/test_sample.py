"""The draw: equal probability, strata mirrored."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewell.errors import UserError
from tunewell.people.sample import SampleCandidate, draw


@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=80), st.integers(1, 90), st.integers(0, 9)
)
def test_each_stratum_gets_its_share_to_within_one_row(
    strata: list[str], count: int, seed: int
) -> None:
    rows = [SampleCandidate(id=str(i), strata=(s,)) for i, s in enumerate(strata)]
    drawn = draw(rows, count, seed=seed)
    assert len(drawn) == len(set(drawn)) == min(count, len(rows))
    there, got = Counter(strata), Counter(strata[int(i)] for i in drawn)
    for s, n in there.items():
        assert abs(got[s] - n * len(drawn) / len(rows)) < 1 + 1e-9


def test_every_row_is_drawn_equally_often() -> None:
    rows = [SampleCandidate(id=str(i), strata=("x" if i % 3 else "y",)) for i in range(30)]
    seen = Counter(i for seed in range(3000) for i in draw(rows, 6, seed=seed))
    # 3,000 draws of 6 of 30: 600 each, standard deviation 22; 5 of them over 30 rows
    assert all(abs(seen[str(i)] - 600) < 110 for i in range(30)), seen


def test_nothing_to_draw_says_so() -> None:
    with pytest.raises(UserError, match="at least one"):
        draw([SampleCandidate(id="a")], 0)
