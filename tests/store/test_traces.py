from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewell.errors import StoreError
from tunewell.store.traces import trace_from_bytes, trace_to_bytes
from tunewell.types import FoldTrace


@given(
    st.integers(1, 3),
    st.integers(1, 4),
    st.lists(st.text(min_size=1), min_size=1, max_size=5, unique=True),
    st.integers(0, 2**31),
)
@settings(max_examples=30, deadline=None)
def test_a_trace_comes_back_as_it_went(
    evaluations: int, folds: int, ids: list[str], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    n = len(ids)
    losses = rng.normal(size=(evaluations, folds, n)).astype(np.float32)
    losses[rng.random(losses.shape) < 0.3] = np.nan
    trace = FoldTrace(
        losses=losses,
        tokens=rng.integers(1, 9, n),
        held_out=rng.random((folds, n)) < 0.5,
        epochs=np.arange(evaluations, dtype=np.float64),
        examples=tuple(ids),
    )
    data = trace_to_bytes(trace)
    back = trace_from_bytes(data)
    np.testing.assert_array_equal(back.losses, trace.losses)
    np.testing.assert_array_equal(back.held_out, trace.held_out)
    np.testing.assert_array_equal(back.tokens, trace.tokens)
    assert back.examples == trace.examples
    assert trace_to_bytes(back) == data


@pytest.mark.parametrize("data", [b"", b"12345678", b"\x10" + b"\0" * 7 + b"{}" + b" " * 14])
def test_bytes_that_are_no_trace_are_an_error_of_the_store(data: bytes) -> None:
    with pytest.raises(StoreError, match="no fold trace"):
        trace_from_bytes(data)
