"""Passes over rows, on this machine or on a Ray cluster: the only place that knows which.

A pass is a function from a batch of rows to a batch of rows of the same length. The same plan runs
on Daft's native runner and on Ray; decisions over the whole set are made from small digests in the
calling process.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from tunewell.errors import MissingExtraError, UserError

Pass = Callable[[pa.Table], pa.Table]
"""Takes a batch, gives a batch with as many rows in the same order. It must be picklable and free of side effects."""

SMALL = 10_000
"""Fewer rows than this are done in the calling process: starting a plan costs more than it saves."""


class Engine:
    """Where passes over rows run.

    Args:
        address: ``native`` (this machine), ``ray:local`` (a Ray cluster started here) or
            ``ray://host:port``.
        workers: Processes on this machine; as many as there are cores if 0.

    Raises:
        UserError: The address is of another kind.
        MissingExtraError: Ray is asked for and not installed.

    Example:
        >>> table = pa.table({"text": ["a", "bb"]})
        >>> Engine().map(table, lambda t: pa.table({"n": [len(x) for x in t["text"].to_pylist()]}))["n"].to_pylist()
        [1, 2]
    """

    def __init__(self, address: str = "native", *, workers: int = 0) -> None:
        if address != "native" and not address.startswith(("ray://", "ray:local")):
            raise UserError(
                f"The 'engine' must be native, ray:local or ray://HOST:PORT. Got {address!r} instead.",
                hint="engine: native",
            )
        self.address = address
        self.workers = workers or len(os.sched_getaffinity(0))

    def map(self, table: pa.Table, function: Pass, *, batch_rows: int = 2_048) -> pa.Table:
        """Apply a pass to every batch of a table.

        Args:
            table: The rows.
            function: What to do with a batch.
            batch_rows: Rows a batch; never more, whatever the runner does.

        Returns:
            The results, in the order of the input.
        """
        if self.address == "native" and (table.num_rows < SMALL or self.workers < 2):
            parts = [
                function(table.slice(i, batch_rows))
                for i in range(0, max(table.num_rows, 1), batch_rows)
            ]
            return pa.concat_tables(parts)
        return _through_daft(self, table, function, batch_rows)


def _through_daft(engine: Engine, table: pa.Table, function: Pass, batch_rows: int) -> pa.Table:
    """Each batch travels as one Arrow IPC message in a binary column, so that the plan needs no schema of ours."""
    with _children_find_our_modules():  # Ray starts its workers when it is chosen
        daft = _runner(engine.address)
    starts = range(0, table.num_rows, batch_rows)
    frame = daft.from_pydict(
        {"at": list(starts), "rows": [_pack(table.slice(i, batch_rows)) for i in starts]}
    )

    @daft.cls(max_concurrency=engine.workers)
    class Apply:
        def __init__(self, function: Pass) -> None:
            self.function = function

        @daft.method.batch(return_dtype=daft.DataType.binary(), batch_size=1)
        def run(self, rows: Any) -> list[bytes]:
            return [_pack(self.function(_unpack(item))) for item in rows.to_pylist()]

    frame = (
        frame.into_partitions(min(len(starts), 4 * engine.workers))
        if engine.address != "native"
        else frame
    )
    with _children_find_our_modules():
        done = frame.select(
            daft.col("at"), Apply(function).run(daft.col("rows")).alias("rows")
        ).to_pydict()
    order = sorted(range(len(done["at"])), key=done["at"].__getitem__)
    return pa.concat_tables([_unpack(done["rows"][i]) for i in order])


@contextlib.contextmanager
def _children_find_our_modules() -> Iterator[None]:
    """Daft's worker processes take their module path from the environment alone."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def _pack(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return bytes(sink.getvalue().to_pybytes())


def _unpack(data: bytes) -> pa.Table:
    with pa.ipc.open_stream(data) as reader:
        return reader.read_all()


@functools.cache
def _runner(address: str) -> Any:
    """Daft with its runner chosen, once per process."""
    import daft

    # A process that ends within 10 ms of a native plan can crash after the right result: a Daft
    # thread still holds the interpreter. A short pause at exit cures it (0 of 150 runs against 10
    # of 150).
    atexit.register(time.sleep, 0.05)
    if address == "native":
        daft.set_runner_native()
        return daft
    try:
        import ray  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        raise MissingExtraError("ray", needed_for=f"engine {address!r}") from None
    if not ray.is_initialized():
        quiet = {"include_dashboard": False, "logging_level": "ERROR", "log_to_driver": False}
        if address.startswith("ray://"):
            ray.init(address, logging_level="ERROR", log_to_driver=False)
        else:
            ray.init(num_cpus=len(os.sched_getaffinity(0)), **quiet)
    daft.set_runner_ray()
    return daft
