"""Outputs and losses of every arm, in chunks that survive a kill."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from tunewell.evaluate.arms import Arm
from tunewell.model.base import GenerateOptions, Generation, Model, Progress, TargetScore
from tunewell.store.files import disk_errors
from tunewell.types import Example, Prediction, Value

CHUNK_ROWS = 32
T = TypeVar("T", bound=Value)


class PartialAnswers:
    """Half-finished work of one evaluation, in ``.tunewell/work/<key>/``: chunks are written whole or not at all.

    Args:
        folder: Where the chunks lie; made when the first one is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, name: str, ids: Sequence[str], kind: type[T]) -> list[T] | None:
        """The chunk of this name if it is there, whole and about these rows; else None."""
        try:
            found = json.loads((self.folder / name).read_bytes())
            if found["ids"] != list(ids):
                return None
            items = TypeAdapter(list[kind]).validate_python(found["items"])  # type: ignore[valid-type]
        except (OSError, ValueError, KeyError, TypeError, ValidationError):
            return None
        return items if len(items) == len(ids) else None

    def keep(self, name: str, ids: Sequence[str], items: Sequence[T]) -> None:
        """Write a chunk: temporary name, fsync, rename."""
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary = self.folder / f"{name}.{os.getpid()}.part"
            with temporary.open("w", encoding="utf-8", errors="surrogatepass") as file:
                json.dump(
                    {"ids": list(ids), "items": [i.model_dump(mode="json") for i in items]}, file
                )
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.folder / name)

    def remove(self) -> None:
        """Called once the result is recorded."""
        shutil.rmtree(self.folder, ignore_errors=True)


class PassMeter:
    """Progress over several passes, as one."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total, self._progress, self._before = total, progress, 0

    def within(self, done: int, _total: int) -> None:
        """Called by a model while it works on a chunk."""
        if self._progress:
            self._progress(min(self._total, self._before + done), self._total)

    def passed(self, rows: int) -> None:
        """A chunk is done."""
        self._before += rows
        self.within(0, 0)


def predict(
    model: Callable[[], Model],
    arm: Arm,
    rows: Sequence[Example],
    *,
    options: GenerateOptions,
    work: PartialAnswers,
    meter: PassMeter,
) -> list[Prediction]:
    """One output per row, in the order of the rows.

    Chunks that were finished before are taken from ``work``.

    Args:
        model: Opens the arm's model; not called where nothing is left to do.
        arm: Who answers.
        rows: What to answer.
        options: How to generate.
        work: Where chunks are kept.
        meter: Told of every row.
    """
    opened: list[Model] = []

    def answer(chunk: Sequence[Example]) -> list[Generation]:
        opened[:] = opened or [model()]
        prompts = [arm.prompt(e) for e in chunk]
        return opened[0].generate(prompts, options=options, progress=meter.within)

    found = _in_chunks(rows, f"{arm.name}-generate", answer, Generation, work, meter, arm)
    return [
        Prediction(
            example=e.id,
            arm=arm.name,
            text=g.text,
            prompt_tokens=g.prompt_tokens,
            tokens=g.tokens,
            finish=g.finish,
            reason=g.reason,
        )
        for e, g in zip(rows, found, strict=True)
    ]


def losses(
    model: Callable[[], Model],
    arm: Arm,
    rows: Sequence[Example],
    *,
    work: PartialAnswers,
    meter: PassMeter,
) -> list[TargetScore]:
    """How probable the gold answer of every row is to an arm, in the order of the rows.

    See `predict`.
    """
    opened: list[Model] = []

    def score(chunk: Sequence[Example]) -> list[TargetScore]:
        opened[:] = opened or [model()]
        prompts = [arm.prompt(e) for e in chunk]
        return opened[0].score(prompts, [e.target for e in chunk], progress=meter.within)

    return _in_chunks(rows, f"{arm.name}-score", score, TargetScore, work, meter, arm)


def own_losses(
    model: Callable[[], Model],
    arm: Arm,
    rows: Sequence[Example],
    answers: Sequence[Prediction],
    *,
    work: PartialAnswers,
    meter: PassMeter,
) -> list[Prediction]:
    """The predictions with how probable each is to the model that made it: its own confidence.

    See `predict`.
    """
    opened: list[Model] = []
    said = {p.example: p.text for p in answers}

    def score(chunk: Sequence[Example]) -> list[TargetScore]:
        opened[:] = opened or [model()]
        return opened[0].score(
            [arm.prompt(e) for e in chunk], [said[e.id] for e in chunk], progress=meter.within
        )

    found = _in_chunks(rows, f"{arm.name}-own", score, TargetScore, work, meter, arm)
    return [
        p.model_copy(update={"nats": t.nats, "nats_tokens": t.tokens})
        if t.tokens and p.finish != "error"
        else p
        for p, t in zip(answers, found, strict=True)
    ]


def _in_chunks(
    rows: Sequence[Example],
    name: str,
    act: Callable[[Sequence[Example]], list[Any]],
    kind: type[T],
    work: PartialAnswers,
    meter: PassMeter,
    arm: Arm,
) -> list[T]:
    found: dict[str, T] = {}
    for i, chunk in enumerate(_by_length(rows, arm)):
        ids = [e.id for e in chunk]
        file = f"{name}-{i:05d}.json"
        items = work.get(file, ids, kind)
        if items is None:
            items = act(chunk)
            work.keep(file, ids, items)
        found.update(zip(ids, items, strict=True))
        meter.passed(len(chunk))
    return [found[e.id] for e in rows]


def _by_length(rows: Sequence[Example], arm: Arm) -> Iterator[list[Example]]:
    """Rows of like length go together: a batch is as slow as its longest row."""
    ordered = sorted(rows, key=lambda e: (sum(len(m.content) for m in arm.prompt(e)), e.id))
    for start in range(0, len(ordered), CHUNK_ROWS):
        yield ordered[start : start + CHUNK_ROWS]
