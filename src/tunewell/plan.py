"""What a run is going to do, said beforehand: time, disk and money, from speeds measured on this machine."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from tunewell.curate.reading.data_files import find_files, sources_of
from tunewell.store import Store
from tunewell.task import TaskFile, TaskSpec
from tunewell.types import Value, digest

MEASURED_FOR_S = 24 * 3600
BYTES_PER_TOKEN = 4.2
"""Of English text in the usual row formats; only for the estimate beforehand."""


class Speeds(Value):
    """Measured on this machine, in tokens per second.

    Attributes:
        train: Of training at the depth of the final adapter.
        folds: Of training at the folds' depth, over the cached trunk.
        trunk: Of filling the trunk's cache (a forward pass).
        generate: Of batched generation.
    """

    train: float
    folds: float
    trunk: float
    generate: float


class PlannedStage(Value):
    """One stage: what it will do and how long that takes, in seconds."""

    name: str
    what: str
    seconds: float
    reused: bool = False


class Plan(Value):
    """The whole way.

    Attributes:
        task: Its name.
        rows: Rows in the files, about.
        tokens: Tokens in the training files, about.
        stages: In order.
        seconds: Together.
        disk_bytes: How much will be written, about.
        money: Machine time and tokens at the prices of ``costs``.
        currency: Of the money.
        basis: Where the estimate comes from.
    """

    task: str
    rows: int
    tokens: int
    stages: tuple[PlannedStage, ...]
    seconds: float
    disk_bytes: int
    money: float
    currency: str
    basis: str


def make_plan(file: TaskFile, store: Store) -> Plan:
    """Estimate a run before it begins, and note what it is about to do.

    A stage counts as reusable when it finished since a run of the same definition over the same
    files began.
    """
    spec = file.spec
    sizes = {role: _sizes(file, role) for role in ("train", "test")}
    rows = sum(r for r, _ in sizes.values())
    tokens = int(sizes["train"][1] / BYTES_PER_TOKEN)
    speeds = speeds_of(spec)
    begun = _begun(file, store)
    stages = []
    for name, what, seconds in _work(spec, rows, tokens, sizes["test"][0], speeds):
        last = store.last_run(name)
        reused = bool(begun and last and last.started.isoformat() >= begun)
        stages.append(
            PlannedStage(name=name, what=what, seconds=0.0 if reused else seconds, reused=reused)
        )
    seconds = sum(s.seconds for s in stages)
    costs = spec.costs
    money = (
        seconds / 3600 * costs.machine_hour
        + tokens * spec.train.epochs / 1e6 * costs.million_tokens
    )
    disk = 3 * sum(b for _, b in sizes.values()) + 60 * 2**20 + _trunk_bytes(tokens)
    return Plan(
        task=spec.task.name,
        rows=rows,
        tokens=tokens,
        stages=tuple(stages),
        seconds=seconds,
        disk_bytes=disk,
        money=money,
        currency=costs.currency,
        basis="sizes of the files; speeds measured on this machine",
    )


def _sizes(file: TaskFile, role: str) -> tuple[int, int]:
    """Rows (about) and bytes of the files of one role."""
    rows = size = 0
    for path in _files_of(file, role):
        size += path.stat().st_size
        rows += _rows(path)
    return rows, size


def _files_of(file: TaskFile, *roles: str) -> Iterator[Path]:
    """The files that the run will read, of sources of these roles (all, if none is named)."""
    for source, where in sources_of(file, *roles):
        yield from find_files(source, root=file.root, where=where)


def _rows(path: Path) -> int:
    """Lines of a line format, objects of a JSON file (by its braces), one for anything else.

    Read in blocks.
    """
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return int(pq.read_metadata(path).num_rows)
    mark = b"}," if path.suffix == ".json" else b"\n"
    with path.open("rb") as handle:
        return max(1, sum(block.count(mark) for block in iter(lambda: handle.read(1 << 20), b"")))


def _work(
    spec: TaskSpec, rows: int, tokens: int, test_rows: int, speeds: Speeds
) -> Iterator[tuple[str, str, float]]:
    recipe, parts = spec.train, spec.split
    kept = 1.0 - parts.review - (0.0 if test_rows else parts.test)
    train_tokens = tokens * kept
    if recipe.max_train_tokens:
        train_tokens = min(train_tokens, recipe.max_train_tokens)
    held_out = test_rows or int(rows * parts.test)
    limits = [n for n in (held_out, parts.max_test_rows, spec.evaluate.max_rows) if n]
    held_out = min(limits) if limits else 0
    k = parts.folds
    folds = train_tokens / speeds.trunk + recipe.epochs * (k - 1) * train_tokens / speeds.folds
    final = 2 * recipe.epochs * train_tokens / speeds.train
    answers = 3 * held_out * min(spec.evaluate.max_new_tokens, 48)
    yield "curate", f"{rows:,} rows: repair, rules, duplicates, leaks", 2 + rows / 5000
    yield "split", f"test set, review pool, {k} folds", 1 + rows / 50000
    yield (
        "train",
        f"{k} folds x {recipe.epochs} epochs on {recipe.fold_layers:.0%} of the layers, a check run, the final adapter"
        + (
            " through TRL (whose speed is not known here: taken for ours)"
            if recipe.backend == "trl"
            else ""
        ),
        10 + folds + final,
    )
    yield "evaluate", f"3 arms on {held_out:,} held-out rows", 8 + answers / speeds.generate
    yield "verdict", f"{len(spec.gates)} gates", 1.0


def _trunk_bytes(tokens: int) -> int:
    return int(tokens * 576 * 2)


def _begun(file: TaskFile, store: Store) -> str:
    """When a run of just this definition over just these files began, as ISO text.

    Notes it if it is new.
    """
    files = []
    for path in _files_of(file):
        state = path.stat()
        files.append([str(path), state.st_size, state.st_mtime_ns])
    subject = digest({"spec": file.spec.model_dump(mode="json"), "files": files})
    said = store.said("begun")
    if said and said[-1].subject == subject:
        return said[-1].at.isoformat()
    store.say("begun", subject, author="tunewell")
    return ""


def speeds_of(spec: TaskSpec) -> Speeds:
    """Measured on this machine, then read from the cache for a day (other programs may have slowed it)."""
    from tunewell.model.files import cache_folder
    from tunewell.model.weights import resolve
    from tunewell.train.stage import WORK

    weights = resolve(spec.train.model)
    recipe = spec.train
    shape = [recipe.layers, recipe.fold_layers, recipe.rank, recipe.tokens_per_batch]
    key = digest([_machine(), WORK, weights.digest, *shape])
    path = cache_folder() / "speeds" / f"{key}.json"
    if path.is_file() and time.time() - path.stat().st_mtime < MEASURED_FOR_S:
        return Speeds.model_validate_json(path.read_bytes())
    from tunewell.train import measure_speed

    speeds = Speeds.model_validate(measure_speed(weights, recipe))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(speeds.model_dump()), encoding="utf-8")
    partial.replace(path)
    return speeds


def _machine() -> list[str]:
    text = (
        Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    )
    names = [
        line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")
    ]
    return [
        names[0] if names else "cpu",
        str(os.cpu_count()),
        os.environ.get("OMP_NUM_THREADS", ""),
    ]
