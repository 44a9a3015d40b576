"""Outputs and losses of every arm, in chunks that survive a kill."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from tunewell.disk import disk_errors
from tunewell.evaluate.arms import Arm
from tunewell.evaluate.lookup import ids_of
from tunewell.model.base import GenerateOptions, Generation, Model, Progress, TargetScore
from tunewell.types import Example, Message, Prediction, Value
from tunewell.types.written_calls import compared_output

CHUNK_ROWS = 32
Turns = tuple[Message, ...]
T = TypeVar("T", bound=Value)


class PartialAnswers:
    """Half-finished work of one evaluation, in ``.tunewell/work/<key>/``.

    Chunks are written whole or not at all.

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
        content = {"ids": list(ids), "items": [item.model_dump(mode="json") for item in items]}
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary = self.folder / f"{name}.{os.getpid()}.part"
            with temporary.open("w", encoding="utf-8", errors="surrogatepass") as file:
                json.dump(content, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.folder / name)

    def remove(self) -> None:
        """Called once the result is recorded."""
        shutil.rmtree(self.folder, ignore_errors=True)


class PassMeter:
    """Progress over several passes, as one."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._progress = progress
        self._before = 0

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
    opened = cache(model)

    def answer(chunk: Sequence[Example], prompts: Sequence[Turns]) -> list[Generation]:
        known = _tools_of(chunk)
        return opened().generate(prompts, options=options, progress=meter.within, **known)

    chunks = _Chunks(f"{arm.name}-generate", Generation, answer, work, meter)
    found = chunks.over(rows, arm)
    return [_prediction(e, arm, g) for e, g in zip(rows, found, strict=True)]


def _tools_of(rows: Sequence[Example]) -> dict[str, list[str]]:
    """The tools that each row's model may call; nothing where no row has any."""
    tools = [row.tools for row in rows]
    return {"tools": tools} if any(tools) else {}


def _prediction(example: Example, arm: Arm, made: Generation) -> Prediction:
    return Prediction(
        example=example.id,
        arm=arm.name,
        text=compared_output(example, made.text),
        prompt_tokens=made.prompt_tokens,
        tokens=made.tokens,
        finish=made.finish,
        reason=made.reason,
    )


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
    opened = cache(model)

    def score(chunk: Sequence[Example], prompts: Sequence[Turns]) -> list[TargetScore]:
        targets = [e.target for e in chunk]
        return opened().score(prompts, targets, progress=meter.within, **_tools_of(chunk))

    return _Chunks(f"{arm.name}-score", TargetScore, score, work, meter).over(rows, arm)


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
    opened = cache(model)
    said = {p.example: p.text for p in answers}

    def score(chunk: Sequence[Example], prompts: Sequence[Turns]) -> list[TargetScore]:
        targets = [said[e.id] for e in chunk]
        return opened().score(prompts, targets, progress=meter.within, **_tools_of(chunk))

    found = _Chunks(f"{arm.name}-own", TargetScore, score, work, meter).over(rows, arm)
    return list(map(_with_confidence, answers, found))


def _with_confidence(prediction: Prediction, score: TargetScore) -> Prediction:
    if not score.tokens or prediction.finish == "error":
        return prediction
    return prediction.model_copy(update={"nats": score.nats, "nats_tokens": score.tokens})


class _Chunks(Generic[T]):
    """One pass over the rows, chunk by chunk; a chunk that was kept before is not made again."""

    def __init__(
        self,
        name: str,
        kind: type[T],
        act: Callable[[Sequence[Example], Sequence[Turns]], list[T]],
        work: PartialAnswers,
        meter: PassMeter,
    ) -> None:
        self._name = name
        self._kind = kind
        self._act = act
        self._work = work
        self._meter = meter

    def over(self, rows: Sequence[Example], arm: Arm) -> list[T]:
        """One result per row, in the order of the rows."""
        found: dict[str, T] = {}
        for i, chunk in enumerate(_by_length(rows, arm)):
            ids = ids_of(chunk)
            file = f"{self._name}-{i:05d}.json"
            items = self._work.get(file, ids, self._kind)
            if items is None:
                items = self._act(chunk, [arm.prompt(e) for e in chunk])
                self._work.keep(file, ids, items)
            found.update(zip(ids, items, strict=True))
            self._meter.passed(len(chunk))
        return [found[e.id] for e in rows]


def _by_length(rows: Sequence[Example], arm: Arm) -> Iterator[list[Example]]:
    """Rows of like length go together: a batch is as slow as its longest row."""

    def length(example: Example) -> tuple[int, str]:
        return sum(len(turn.text) for turn in arm.prompt(example)), example.id

    ordered = sorted(rows, key=length)
    for start in range(0, len(ordered), CHUNK_ROWS):
        yield ordered[start : start + CHUNK_ROWS]
