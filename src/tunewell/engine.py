"""Passes over rows, on this machine or on a Ray cluster: the only place that knows which.

A pass is a function from a batch of rows to a batch of rows of the same length. On this machine
the batches go to a pool of processes (loky), on a cluster through Daft on Ray; decisions over the
whole set are made from small digests in the calling process. Why not Daft for both: see
`design/0006-engine.md`.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import pyarrow as pa

from tunewell.errors import MissingExtraError, UserError
from tunewell.platforms import processors

Item = TypeVar("Item")
Result = TypeVar("Result")

Pass = Callable[[pa.Table], pa.Table]
"""Takes a batch, gives a batch with as many rows in the same order.

It must be picklable and free of side effects.
"""

SMALL = 10_000
"""Fewer rows are done in the calling process: starting others costs more than it saves."""

IDLE_S = 20
"""Worker processes that had nothing to do for so many seconds end by themselves."""


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
        >>> count = lambda t: pa.table({"n": [len(x) for x in t["text"].to_pylist()]})
        >>> Engine().map(table, count)["n"].to_pylist()
        [1, 2]
    """

    def __init__(self, address: str = "native", *, workers: int = 0) -> None:
        if address != "native" and not address.startswith(("ray://", "ray:local")):
            raise UserError(
                "The 'engine' must be native, ray:local or ray://HOST:PORT. "
                f"Got {address!r} instead.",
                hint="engine: native",
            )
        self.address = address
        self.workers = workers or processors()

    def map(self, table: pa.Table, function: Pass, *, batch_rows: int = 2_048) -> pa.Table:
        """Apply a pass to every batch of a table.

        Args:
            table: The rows.
            function: What to do with a batch.
            batch_rows: Rows a batch; never more, whatever the runner does.

        Returns:
            The results, in the order of the input.
        """
        starts = range(0, max(table.num_rows, 1), batch_rows)
        batches = [table.slice(start, batch_rows) for start in starts]

        if self.address != "native":
            return pa.concat_tables(_on_ray(self, batches, function))

        if table.num_rows < SMALL or self.workers < 2:
            return pa.concat_tables([function(batch) for batch in batches])

        return pa.concat_tables(in_processes(batches, function, self.workers))

    def each(self, function: Callable[[int], pa.Table], count: int) -> list[pa.Table]:
        """A function of each number below a count: large pieces of work that read their own files.

        Args:
            function: Picklable. It may be called again for a number whose worker was killed, so it
                must write the same files then.
            count: How many numbers.

        Returns:
            The results, in the order of the numbers; they should be small.

        Example:
            >>> squares = Engine(workers=1).each(lambda n: pa.table({"n": [n * n]}), 3)
            >>> [table["n"][0].as_py() for table in squares]
            [0, 1, 4]
        """
        if self.address != "native":
            numbered = [pa.table({"number": [number]}) for number in range(count)]
            return _on_ray(self, numbered, functools.partial(_of_number, function))

        if count < 2 or self.workers < 2:
            return [function(number) for number in range(count)]
        return in_processes(range(count), function, self.workers)


def _of_number(function: Callable[[int], pa.Table], batch: pa.Table) -> pa.Table:
    return function(batch["number"][0].as_py())


def in_processes(
    items: Sequence[Item],
    function: Callable[[Item], Result],
    workers: int,
) -> list[Result]:
    """A function of each item, in processes of this machine; the pool is kept for the next time.

    Loky starts its processes without importing the caller's main module, so a script needs no
    ``if __name__ == "__main__"``, and a worker that is killed is an error here, not a hang.

    Args:
        items: What the function is called with.
        function: Without side effects beyond files of its own.
        workers: Processes.

    Returns:
        The results, in the order of the items.

    Raises:
        UserError: A process was killed.
    """
    import loky

    pool = loky.get_reusable_executor(max_workers=workers, timeout=IDLE_S)
    try:
        return list(pool.map(function, items))
    except loky.process_executor.TerminatedWorkerError as reason:
        raise UserError(
            "a worker process was killed while it read rows, usually out of memory",
            hint="taskset --cpu-list 0 tunewell curate   (one process at a time)",
        ) from reason


def _on_ray(engine: Engine, batches: list[pa.Table], function: Pass) -> list[pa.Table]:
    """Each batch travels as one Arrow message in a binary column: the plan needs no schema of ours.

    The results come back in the order of the batches.
    """
    # Ray starts its workers when it is chosen, so the module path must be right by then.
    with _workers_find_our_modules():
        daft = _daft_on_ray(engine.address)
    numbers = list(range(len(batches)))
    frame = daft.from_pydict({"number": numbers, "rows": [_pack(batch) for batch in batches]})
    frame = frame.into_partitions(min(len(batches), 4 * engine.workers))

    @daft.cls(max_concurrency=engine.workers)
    class Apply:
        def __init__(self, function: Pass) -> None:
            self.function = function

        @daft.method.batch(return_dtype=daft.DataType.binary(), batch_size=1)
        def run(self, rows: Any) -> list[bytes]:
            return [_pack(self.function(_unpack(item))) for item in rows.to_pylist()]

    applied = Apply(function).run(daft.col("rows")).alias("rows")
    with _workers_find_our_modules(), _faults_of_workers():
        done = frame.select(daft.col("number"), applied).to_pydict()
    by_number = dict(zip(done["number"], done["rows"], strict=True))
    return [_unpack(by_number[number]) for number in numbers]


@contextlib.contextmanager
def _faults_of_workers() -> Iterator[None]:
    """What a worker raised (a full disk) is raised here as it was there."""
    import ray  # type: ignore[import-not-found, unused-ignore]

    try:
        yield
    except ray.exceptions.RayTaskError as wrapped:
        raise wrapped.cause from wrapped


@contextlib.contextmanager
def _workers_find_our_modules() -> Iterator[None]:
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
def _daft_on_ray(address: str) -> Any:
    """Daft with Ray as its runner, chosen once per process."""
    try:
        import daft
        import ray  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        raise MissingExtraError("ray", needed_for=f"engine {address!r}") from None

    if not ray.is_initialized():
        where: dict[str, Any] = {"num_cpus": processors(), "include_dashboard": False}
        hint = "engine: native   (or try again when the machine is less busy)"
        if address.startswith("ray://"):
            where = {"address": address}
            hint = "RAY_AUTH_MODE=token tunewell curate   (with its token in ~/.ray/auth_token)"
        try:
            ray.init(**where, logging_level="ERROR", log_to_driver=False)
        except Exception as reason:  # Ray raises nothing more special where a node is too slow
            said = str(reason).strip().split("\n")[0]
            raise UserError(
                f"cannot use Ray at {address}: {said}",
                hint=hint,
            ) from reason
    daft.set_runner_ray()
    return daft
