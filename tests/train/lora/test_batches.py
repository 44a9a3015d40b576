from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewell.train.lora.batches import plan


@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=60),
    st.integers(1, 5),
    st.integers(400, 2000),
    st.one_of(st.none(), st.integers(0, 99)),
)
@settings(max_examples=80, deadline=None)
def test_every_adapter_sees_each_of_its_rows_once(
    lengths: list[int], adapters: int, budget: int, seed: int | None
) -> None:
    sizes = np.asarray(lengths)
    members = [np.flatnonzero(np.arange(len(sizes)) % (adapters + 1) != a) for a in range(adapters)]
    batches = plan(sizes, members, budget=budget, seed=seed)
    for i, rows in enumerate(members):
        seen = np.concatenate([b.rows[i] for b in batches]) if batches else np.zeros(0, int)
        assert sorted(seen[seen >= 0].tolist()) == rows.tolist()
    for batch in batches:
        assert batch.length == sizes[batch.rows[batch.rows >= 0]].max()


def test_like_goes_with_like_so_that_little_is_padding() -> None:
    sizes = np.random.default_rng(0).integers(20, 300, 500)
    batches = plan(sizes, [np.arange(500)], budget=1024, seed=0)
    assert sum(b.rows.size * b.length for b in batches) / sizes.sum() < 1.05
    assert all(b.rows.size * b.length <= 1024 for b in batches)


def test_the_order_changes_with_the_seed_alone() -> None:
    sizes = np.random.default_rng(0).integers(20, 300, 100)
    one, same, other = (
        [b.rows.tolist() for b in plan(sizes, [np.arange(100)], budget=1024, seed=s)]
        for s in (1, 1, 2)
    )
    assert one == same != other
