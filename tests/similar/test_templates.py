from __future__ import annotations

import datetime as dt

from hypothesis import given, settings
from hypothesis import strategies as st

from tunewell.similar.templates import choose_of_template
from tunewell.testing.planted import vocabulary

_WORDS = vocabulary()[1_000:]

fills = st.lists(
    st.tuples(st.sampled_from(_WORDS[:6]), st.sampled_from(_WORDS[6:9])), min_size=1, max_size=25
)


@settings(max_examples=100, deadline=None)
@given(fills=fills, most=st.integers(1, 12), by=st.sampled_from(["diverse", "newest", "first"]))
def test_so_many_stay_and_diverse_ones_fill_more_slots(
    fills: list[tuple[str, str]], most: int, by: str
) -> None:
    days = [dt.date(2026, 1, 1 + i % 7) if i % 3 else None for i in range(len(fills))]
    texts = [f"the {a} of our {b} is due" for a, b in fills]
    stay = choose_of_template(texts, days, most, by=by)
    assert len(stay) == len(set(stay)) == min(most, len(texts))
    assert stay == sorted(stay) == choose_of_template(texts, days, most, by=by)
    if by == "diverse":
        every = {word for pair_ in fills for word in pair_}
        assert len({word for i in stay for word in fills[i]}) >= min(len(every), len(stay))
    if by == "newest":
        dates = [day or dt.date.min for day in days]
        left = [dates[i] for i in range(len(texts)) if i not in stay]
        assert not left or min(dates[i] for i in stay) >= max(left)
