from __future__ import annotations

import pyarrow as pa
import pytest

from tunewell.engine import SMALL, Engine
from tunewell.errors import UserError


def double(table: pa.Table) -> pa.Table:
    return pa.table({"b": pa.array([2 * x for x in table["a"].to_pylist()], pa.int64())})


# The workers that Daft starts leave their pipes to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("rows", [0, 1, 100, SMALL + 1_000])
def test_a_pass_keeps_order_and_length(rows: int) -> None:
    table = pa.table({"a": pa.array(range(rows), pa.int64())})
    assert Engine(workers=2).map(table, double, batch_rows=512)["b"].to_pylist() == [
        2 * x for x in range(rows)
    ]


def test_an_unknown_address_says_which_there_are() -> None:
    with pytest.raises(UserError, match="native, ray:local or ray://"):
        Engine("spark")
