"""Runs: every stage leaves one record of what went in, what came out, how, and what it took.

And what became of a row.

A stage is skipped when a finished Run with the same key (stage, version, inputs, parameters) is
there with its outputs.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import importlib.metadata
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tunewell import __version__
from tunewell.errors import UserError
from tunewell.platforms import peak_memory_bytes
from tunewell.revision import code_revision
from tunewell.store import Store
from tunewell.types import Dataset, Finding, Receipt, Run, Speed, Split, Value, digest

T = TypeVar("T")

PACKAGES = ("loky", "numpy", "pyarrow", "torch", "transformers", "peft", "trl", "accelerate")


class RunWriter:
    """The run under way: fill in outputs, counts and findings.

    They are recorded when the stage ends.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.outputs: dict[str, str] = {}
        self.counts: dict[str, int] = {}
        self.findings: list[Finding] = []
        self.speeds: list[Speed] = []


def run_key(
    stage: str, *, inputs: Mapping[str, str], parameters: Mapping[str, Any], seed: int = 0
) -> str:
    """Digest of everything that decides the result of a stage."""
    return digest(
        {
            "stage": stage,
            "version": __version__,
            "inputs": dict(inputs),
            "parameters": dict(parameters),
            "seed": seed,
        }
    )


def reuse(
    store: Store,
    stage: str,
    *,
    inputs: Mapping[str, str],
    parameters: Mapping[str, Any],
    seed: int = 0,
) -> Run | None:
    """A finished run of this stage with the same inputs, parameters and intact outputs, if any.

    Every stage asks this first. The run found becomes the newest of its stage again (as a copy of
    the record), so that reports and `why` speak of the definition as it stands.
    """
    found = store.finished(stage, run_key(stage, inputs=inputs, parameters=parameters, seed=seed))
    last = store.last_run(stage)
    if found is None or (last is not None and last.id == found.id):
        return found
    now = dt.datetime.now(dt.UTC)
    again = found.model_copy(
        update={
            "id": _run_id(stage, now),
            "started": now,
            "reused_from": found.reused_from or found.id,
        }
    )
    store.save_run(again)
    return again


def _run_id(stage: str, started: dt.datetime) -> str:
    return f"{started:%Y%m%dT%H%M%S%f}-{stage}-{uuid.uuid4().hex[:6]}"


@contextlib.contextmanager
def record(
    store: Store,
    stage: str,
    *,
    inputs: Mapping[str, str],
    parameters: Mapping[str, Any],
    seed: int = 0,
) -> Iterator[RunWriter]:
    """Record a stage as a Run: ``started`` at once, ``finished`` or ``failed`` at the end.

    Args:
        store: Where to.
        stage: Its name.
        inputs: Name to artifact digest.
        parameters: JSON-like values that decide the result.
        seed: Of everything random.

    Yields:
        A `RunWriter` to fill in.
    """
    started = dt.datetime.now(dt.UTC)
    run = Run(
        id=_run_id(stage, started),
        stage=stage,
        key=run_key(stage, inputs=inputs, parameters=parameters, seed=seed),
        status="started",
        inputs=dict(inputs),
        parameters=dict(parameters),
        code=code_revision(),
        packages=package_versions(),
        seed=seed,
        started=started,
    )
    store.save_run(run)
    _reset_peak()
    clock = time.monotonic()
    writer = RunWriter(run)
    try:
        yield writer
    except BaseException as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        with contextlib.suppress(UserError):  # a full disk must not hide what happened first
            store.save_run(_closed(writer, "failed", clock, error=why))
        raise
    store.save_run(_closed(writer, "finished", clock))


@dataclass(frozen=True)
class StageKey:
    """All that decides what a stage gives: what it is recorded and found again by.

    Attributes:
        stage: Its name.
        inputs: Name to artifact digest.
        parameters: JSON-like values.
        seed: Of everything random.

    Example:
        >>> key = StageKey("split", {"dataset": "d"}, {"folds": 5})
        >>> found = key.value(store, "split", Split)  # doctest: +SKIP
        >>> with key.record(store) as run:  # doctest: +SKIP
        ...     run.outputs["split"] = store.put_value(made)
    """

    stage: str
    inputs: Mapping[str, str]
    parameters: Mapping[str, Any]
    seed: int = 0

    @property
    def digest(self) -> str:
        """The key of the Run, 64 hex characters."""
        return run_key(self.stage, **self._decided_by())

    def _decided_by(self) -> dict[str, Any]:
        return {"inputs": self.inputs, "parameters": self.parameters, "seed": self.seed}

    def finished(self, store: Store) -> Run | None:
        """A finished run of just this, if there is one; see `reuse`."""
        return reuse(store, self.stage, **self._decided_by())

    def value(self, store: Store, output: str, kind: type[T]) -> T | None:
        """What a finished run of just this gave; None where there is none.

        Args:
            store: Where runs are recorded.
            output: Under which name.
            kind: Its type.
        """
        found = self.finished(store)
        return None if found is None else store.get_value(found.outputs[output], kind)

    def record(self, store: Store) -> AbstractContextManager[RunWriter]:
        """Record the stage; see `record`."""
        return record(store, self.stage, **self._decided_by())

    def work(self, store: Store) -> Path:
        """Folder of what is half finished, found again after a kill."""
        return store.root / "work" / self.digest[:32]


def _closed(writer: RunWriter, status: str, clock: float, *, error: str = "") -> Run:
    changes = {
        "status": status,
        "outputs": dict(writer.outputs),
        "counts": dict(writer.counts),
        "findings": tuple(writer.findings),
        "seconds": round(time.monotonic() - clock, 3),
        "peak_bytes": peak_bytes(),
        "speeds": tuple(writer.speeds),
        "error": error,
    }
    writer.run = writer.run.model_copy(update=changes)
    return writer.run


def _reset_peak() -> None:
    """Ask the kernel to count the peak memory from now on (where it can)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_bytes() -> int:
    """Peak resident memory of this process since the stage began, in bytes."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return peak_memory_bytes()


@functools.cache
def package_versions() -> dict[str, str]:
    """Versions of the libraries that decide results, of those installed."""
    found: dict[str, str] = {}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


class RowHistory(Value):
    """What became of one row.

    Attributes:
        row: Its id.
        dataset: The dataset version that was asked.
        receipts: Every step that touched it, in order.
        part: Where the split put it (``test``, ``review``, ``fold-3``, ``held-out``), empty if
            nowhere.
        family: Its family in the split.
        audio: Digests of its recordings, files of the project's store.
    """

    row: str
    dataset: str
    receipts: tuple[Receipt, ...]
    part: str = ""
    family: str = ""
    audio: tuple[str, ...] = ()


def why(store: Store, row: str) -> RowHistory:
    """What happened to a row, in which step, by which rule, in the newest dataset.

    Raises:
        UserError: Nothing has been curated yet, or no such row was read.
    """
    run = store.last_run("curate")
    if run is None:
        raise UserError("nothing has been curated in this project yet", hint="tunewell curate")
    dataset = store.get_value(run.outputs["dataset"], Dataset)
    receipts = store.receipts(dataset, row=row)
    if not receipts:
        dataset, receipts = _of_synthetic(store, dataset, row)
    if not receipts:
        raise UserError(
            f"no input row {row!r} in dataset {dataset.id[:12]}",
            hint="ids are the row's own id field, else file:line as in the receipts",
        )
    part, family = _place_in_split(store, dataset, row)
    kept = store.examples(dataset, ids=[row])
    return RowHistory(
        row=row,
        dataset=dataset.id,
        receipts=tuple(receipts),
        part=part,
        family=family,
        audio=kept[0].audio if kept else (),
    )


def _of_synthetic(store: Store, dataset: Dataset, row: str) -> tuple[Dataset, list[Receipt]]:
    """Receipts of a row that a model wrote, in the data that was made of this dataset."""
    for run in reversed(store.runs(stage="augmented-data", status="finished")):
        made = store.get_value(run.outputs["dataset"], Dataset)
        found = store.receipts(made, row=row) if made.parent == dataset.id else []
        if found:
            return made, found
    return dataset, []


def _place_in_split(store: Store, dataset: Dataset, row: str) -> tuple[str, str]:
    if row in dataset.held_out:
        return "held-out", ""
    split = _split_of(store, dataset)
    if split is None:
        return "", ""
    for assignment in split.assignments:
        if assignment.id == row:
            return assignment.part, assignment.family
    return "", ""


def _split_of(store: Store, dataset: Dataset) -> Split | None:
    """The newest split of a dataset."""
    for stage in ("split", "augmented-data"):
        run = store.last_run(stage)
        if run is None:
            continue
        split = store.get_value(run.outputs["split"], Split)
        if split.dataset == dataset.id:
            return split
    return None


def upstream(store: Store, artifact: str) -> list[Run]:
    """The runs that an artifact came from, nearest first."""
    found: list[Run] = []
    wanted = [artifact]
    finished = store.runs(status="finished")
    while wanted:
        target = wanted.pop(0)
        for run in reversed(finished):
            if target in run.outputs.values() and run not in found:
                found.append(run)
                wanted.extend(run.inputs.values())
                break
    return found


def downstream(store: Store, artifact: str) -> list[Run]:
    """The runs that used an artifact, directly or through others, in order."""
    reached = {artifact}
    found: list[Run] = []
    for run in store.runs(status="finished"):
        if reached & set(run.inputs.values()):
            found.append(run)
            reached |= set(run.outputs.values())
    return found
