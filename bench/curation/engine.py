"""The pass over rows by a pool of processes, by Daft's native runner and in one process.

python -m bench curation/engine        (Daft is measured where it is installed)
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import multiprocessing
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pyarrow as pa

from bench.curation.doctor import plant
from bench.machine import keep
from tunewell import engine
from tunewell.curate import clean

ROWS = (30_000, 100_000)
BATCH_ROWS = 2_048


def rows_table(rows: int) -> pa.Table:
    """The chat rows of the doctor's benchmark, as the pass takes them."""
    chats = [row["messages"] for row in plant(rows).rows]
    roles = [" ".join(turn["role"] for turn in chat) for chat in chats]
    contents = [[turn["content"] for turn in chat] for chat in chats]
    return pa.table(
        {
            "roles": pa.array(roles, pa.large_string()),
            "contents": pa.array(contents, pa.large_list(pa.large_string())),
        }
    )


daft_chosen: list[bool] = []
"""Daft's runner can be set once a process."""


def by_daft(batches: list[pa.Table], function: engine.Pass) -> list[pa.Table]:
    """Daft's native runner, in worker processes of its own."""
    import daft

    @daft.cls(max_concurrency=2)
    class Apply:
        def __init__(self, function: engine.Pass) -> None:
            self.function = function

        @daft.method.batch(return_dtype=daft.DataType.binary(), batch_size=1)
        def run(self, rows: Any) -> list[bytes]:
            results = []
            for item in rows.to_pylist():
                results.append(engine._pack(self.function(engine._unpack(item))))
            return results

    if not daft_chosen:
        daft.set_runner_native()
        daft_chosen.append(True)
    frame = daft.from_pydict(
        {"number": list(range(len(batches))), "rows": [engine._pack(b) for b in batches]}
    )
    applied = Apply(function).run(daft.col("rows")).alias("rows")
    with engine._workers_find_our_modules():
        done = frame.select(daft.col("number"), applied).to_pydict()
    by_number = dict(zip(done["number"], done["rows"], strict=True))
    return [engine._unpack(by_number[number]) for number in range(len(batches))]


def by_spawn(batches: list[pa.Table], function: engine.Pass) -> list[pa.Table]:
    """The standard library's pool, its processes started anew."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        return list(pool.map(function, batches))


def in_one(batches: list[pa.Table], function: engine.Pass) -> list[pa.Table]:
    """The calling process alone."""
    return [function(batch) for batch in batches]


def by_loky(batches: list[pa.Table], function: engine.Pass) -> list[pa.Table]:
    """As the engine does it."""
    return engine._in_processes(batches, function, 2)


WAYS = {"one process": in_one, "loky": by_loky, "spawn": by_spawn, "daft": by_daft}


def measure(way: str, rows: int) -> dict[str, Any]:
    """Seconds of a first and of a second pass in one process of its own, and what came out."""
    table = rows_table(rows)
    wanted = clean.Wanted(languages=True)
    function = functools.partial(clean._batch, wanted=wanted, ends_done=True)
    batches = [table.slice(at, BATCH_ROWS) for at in range(0, table.num_rows, BATCH_ROWS)]
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        result = pa.concat_tables(WAYS[way](batches, function))
        seconds.append(round(time.perf_counter() - started, 2))
    digest = hashlib.sha256(repr(result.to_pydict()).encode()).hexdigest()
    return {"way": way, "rows": table.num_rows, "first_s": seconds[0], "second_s": seconds[1]} | {
        "digest": digest[:16]
    }


def main(way: str = "", rows: str = "") -> None:
    """Measure every way and keep the result; each in a process of its own."""
    if way:
        sys.stdout.write(json.dumps(measure(way, int(rows))))
        return
    ways = [w for w in WAYS if w != "daft" or importlib.util.find_spec("daft")]
    results = []
    for count in ROWS:
        for each in ways:
            command = [sys.executable, "-m", "bench.curation.engine", each, str(count)]
            done = subprocess.run(command, check=True, capture_output=True)
            results.append(json.loads(done.stdout))
            sys.stderr.write(f"{results[-1]}\n")
    keep("curation-engine", {"passes": results})


if __name__ == "__main__":
    main(*sys.argv[1:])
