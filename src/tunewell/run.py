"""The whole way once: curate, split, train, evaluate, verdict.

What is finished is skipped, what was killed goes on.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from tunewell.errors import UserError
from tunewell.lineage import record, reuse
from tunewell.model.base import Progress
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.types import Dataset, Evaluation, Finding, Split, Trained, Verdict, digest

if TYPE_CHECKING:
    from tunewell.train.session import OnPoint

Stage = Literal["curate", "split", "train", "evaluate", "verdict"]
STAGES: Final[tuple[Stage, ...]] = ("curate", "split", "train", "evaluate", "verdict")

Bars = Callable[[str], AbstractContextManager[Progress | None]]
"""Gives a progress callback for a stage, or None where nothing is to be shown."""


@dataclass
class Result:
    """What the way gave, as far as it went.

    Attributes:
        dataset: After ``curate``.
        split: After ``split``.
        trained: After ``train``.
        evaluation: After ``evaluate``.
        verdict: After ``verdict``.
        reused: Stages whose finished run was taken over.
    """

    dataset: Dataset | None = None
    split: Split | None = None
    trained: Trained | None = None
    evaluation: Evaluation | None = None
    verdict: Verdict | None = None
    reused: list[str] = field(default_factory=list)


def no_bars(_label: str) -> AbstractContextManager[Progress | None]:
    """Shows nothing."""
    return contextlib.nullcontext(None)


def run(
    file: TaskFile,
    store: Store,
    *,
    until: str = "verdict",
    progress: Bars = no_bars,
    live: OnPoint | None = None,
    say: Callable[[str], None] = lambda _text: None,
) -> Result:
    """Go the whole way, or up to a stage. The caller holds the store's lock.

    Args:
        file: The definition.
        store: The project's store.
        until: Last stage to run.
        progress: Gives a progress callback per stage.
        live: Called with every evaluation of the training (`tunewell.train.session.Point`).
        say: Called with a line whenever a stage begins or is skipped.

    Returns:
        The values of every stage up to ``until``.

    Raises:
        UserError: With what has to be mended; finished stages are kept.
    """
    if until not in STAGES:
        raise UserError(f"there is no stage {until!r}", hint=f"one of {', '.join(STAGES)}")
    result = Result()
    steps: dict[str, Callable[..., None]] = {
        "curate": _curate,
        "split": _split,
        "train": partial(_train, live=live),
        "evaluate": _evaluate,
        "verdict": _verdict,
    }
    for stage in STAGES:
        before = store.last_run(stage)
        say(f"{stage} …")
        with progress(stage) as bar:
            steps[stage](result, file, store, bar)
        after = store.last_run(stage)
        if after and (after.reused_from or (before and after.id == before.id)):
            result.reused.append(stage)
            say(f"{stage}: finished before, reused")
        elif after:
            say(f"{stage}: {after.seconds:.1f} s")
        if stage == until:
            break
    return result


def _curate(result: Result, file: TaskFile, store: Store, bar: Progress | None) -> None:
    from tunewell.curate import curate

    result.dataset = curate(file, store, progress=bar)


def _split(result: Result, file: TaskFile, store: Store, bar: Progress | None) -> None:
    from tunewell.split import split

    assert result.dataset is not None
    result.split = split(result.dataset, file, store)


def _train(
    result: Result,
    file: TaskFile,
    store: Store,
    bar: Progress | None,
    *,
    live: OnPoint | None = None,
) -> None:
    from tunewell.train import train

    assert result.dataset is not None
    assert result.split is not None
    result.trained = train(result.dataset, result.split, file, store, progress=bar, live=live)


def _evaluate(result: Result, file: TaskFile, store: Store, bar: Progress | None) -> None:
    from tunewell.evaluate import evaluate

    assert result.dataset is not None
    assert result.split is not None
    model = result.trained.model if result.trained else None
    result.evaluation = evaluate(result.dataset, result.split, model, file, store, progress=bar)


def _verdict(result: Result, file: TaskFile, store: Store, _bar: Progress | None) -> None:
    """Decide from the gates.

    Cheap, so it is made again whenever anything it rests on has changed.
    """
    from tunewell.evaluate import decide
    from tunewell.people import judgements, reopen_sign_offs

    assert result.evaluation is not None
    reopen_sign_offs(store, file)
    inputs = {"evaluation": digest(result.evaluation)}
    spec = file.spec
    said = [
        e.model_dump(mode="json")
        for kind in ("approval", "acceptance", "judgement")
        for e in store.said(kind)
    ]
    parameters = {
        "gates": [g.model_dump(mode="json") for g in spec.gates],
        "people": spec.people.model_dump(mode="json"),
        "definition": file.definition,
        "said": digest([said, [j.model_dump(mode="json") for j in judgements(store)]]),
        "today": dt.datetime.now(dt.UTC).date().isoformat(),  # acceptances run out
    }
    found = reuse(store, "verdict", inputs=inputs, parameters=parameters)
    if found is not None:
        result.verdict = store.get_value(found.outputs["verdict"], Verdict)
        return
    with record(store, "verdict", inputs=inputs, parameters=parameters) as writer:
        result.verdict = decide(result.evaluation, file, store, findings_so_far(store))
        writer.outputs["verdict"] = store.put_value(result.verdict)
        writer.findings.extend(result.verdict.findings)
        writer.counts["criteria"] = len(result.verdict.criteria)


def findings_so_far(store: Store) -> tuple[Finding, ...]:
    """The findings of the newest finished run of every stage before the verdict."""
    runs = [store.last_run(stage) for stage in STAGES[:-1]]
    return tuple(f for run_ in runs if run_ for f in run_.findings)
