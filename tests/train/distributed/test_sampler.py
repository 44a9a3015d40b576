"""Steps shared between processes: every row once, in the budget, as many passes for everyone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tunewell.train.distributed.sampler import Shares, Sharing
from tunewell.train.lora.batches import plan


@given(
    lengths=st.lists(st.integers(2, 60), min_size=1, max_size=40),
    processes=st.integers(1, 5),
    budget=st.integers(16, 200),
    pass_tokens=st.integers(8, 120),
)
def test_every_row_is_taken_once_whoever_takes_it(
    lengths: list[int], processes: int, budget: int, pass_tokens: int
) -> None:
    sizes = np.asarray(lengths, np.int64)
    steps = [b.rows[0] for b in plan(sizes, [np.arange(len(sizes))], budget=budget, seed=3)]
    idle = len(sizes)
    sharing = Sharing(processes, budget=pass_tokens)
    all_shares = [Shares(steps, sizes, sharing, process=p, idle=idle) for p in range(processes)]
    passes = {s.passes for s in all_shares}
    assert len(passes) == 1  # else processes would wait for each other for ever
    count = passes.pop()
    for shares in all_shares:
        assert len(shares) == len(steps) * count
    for i, step in enumerate(steps):
        taken = [
            r
            for s in all_shares
            for rows in list(s)[i * count : (i + 1) * count]
            for r in rows
            if r != idle
        ]
        assert sorted(taken) == sorted(step.tolist())
    for shares in all_shares:
        for rows in shares:
            real = [r for r in rows if r != idle]
            assert rows in ([idle], real)
            assert len(real) <= 1 or len(real) * max(lengths[r] for r in real) <= pass_tokens


def test_processes_get_about_as_many_tokens() -> None:
    sizes = np.random.default_rng(0).integers(20, 200, 500)
    steps = [b.rows[0] for b in plan(sizes, [np.arange(500)], budget=8000, seed=0)]
    tokens = [
        sum(
            int(sizes[r])
            for rows in Shares(steps, sizes, Sharing(4, budget=2048), process=p, idle=500)
            for r in rows
            if r < 500
        )
        for p in range(4)
    ]
    assert max(tokens) / min(tokens) < 1.1
