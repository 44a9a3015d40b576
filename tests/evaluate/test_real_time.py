"""The real-time factor: beside the evaluation, never in it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.audio.sounds import encoded, murmur
from tunewell.errors import TaskError
from tunewell.evaluate import evaluate
from tunewell.evaluate.arms import contenders
from tunewell.evaluate.predict import PassMeter
from tunewell.evaluate.real_time import CLIPS, real_time_factors, timed_rows
from tunewell.metrics import build_metrics
from tunewell.model.base import GenerateOptions, Generation, Progress, TargetScore
from tunewell.model.fake import FakeModel
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import parse_task
from tunewell.types import (
    Assignment,
    Dataset,
    Estimate,
    Example,
    Message,
    ModelVersion,
    Recipe,
    Run,
    Speed,
    Split,
    Unscored,
)

TASK = """
task: {name: ward, about: Writes down dictations., input: a recording, output: its words}
data: [{path: rows.jsonl}]
metrics: [{name: word_errors}]
train: {model: whisper-tiny-en}
"""
SECONDS = 0.5


class Typist:
    """Writes one word down; as slow as it is told to be."""

    name = "typist"
    runs_on = "a desk, 1 thread"

    def __init__(self, work_s: float = 0.0, *, reason: str = "") -> None:
        self.work_s = work_s
        self.reason = reason
        self.begun_anew = 0

    def afresh(self) -> Typist:
        self.begun_anew += 1
        return self

    def generate(
        self,
        prompts: Sequence[tuple[Message, ...]],
        *,
        options: GenerateOptions | None = None,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[Generation]:
        time.sleep(self.work_s * len(prompts))
        finish = "error" if self.reason else "stop"
        made = Generation(text="stop", prompt_tokens=1, tokens=1, finish=finish, reason=self.reason)
        return [made for _ in prompts]

    def score(
        self,
        prompts: Sequence[tuple[Message, ...]],
        targets: Sequence[str],
        *,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[TargetScore]:
        return [TargetScore(nats=1, tokens=1) for _ in prompts]


def heard_rows(store: Store, count: int) -> list[Example]:
    rows = []
    for number in range(count):
        clip = encoded(murmur(number, seconds=SECONDS))
        digest = store.files.put_bytes(clip, suffix=".wav")
        turns = (
            Message(role="user", content="", audio=digest),
            Message(role="assistant", content="stop" if number % 2 else "go on"),
        )
        rows.append(Example(id=f"r{number:02}", messages=turns, group=f"s{number % 4}"))
    return rows


VERSION = ModelVersion(
    id="v",
    base="whisper-tiny-en",
    recipe=Recipe(model="whisper-tiny-en"),
    dataset="d" * 64,
    split="e" * 64,
    adapter="a" * 64,
    trained_on=1,
)


def timed(folder: Path, rows: int, base: object, tuned: object) -> list[Speed]:
    file = parse_task(TASK, path=folder / "tunewell.yaml", environment={})
    with Store(folder) as store:
        return real_time_factors(
            contenders(file.spec, VERSION, ()),
            timed_rows(heard_rows(store, rows), seed=0),
            lambda version: tuned if version else base,  # type: ignore[arg-type,return-value]
            store,
            options=GenerateOptions(),
            meter=PassMeter(0, None),
        )


def factor(speed: Speed) -> Estimate:
    assert isinstance(speed.real_time_factor, Estimate)
    return speed.real_time_factor


def test_the_slower_arm_has_the_larger_factor_and_both_have_intervals(tmp_path: Path) -> None:
    base, tuned = Typist(0.01), Typist(0.03)
    speeds = timed(tmp_path, 30, base, tuned)
    assert [speed.arm for speed in speeds] == ["base", "tuned"]
    for speed, work_s in zip(speeds, (0.01, 0.03), strict=True):
        found = factor(speed)
        # It sleeps for as long as it is told to, and on a busy machine longer.
        assert work_s / SECONDS <= found.value
        assert found.low <= found.value <= found.high
        assert (found.n, found.unit) == (CLIPS, "s/s")
        assert speed.machine == "a desk, 1 thread"
    assert factor(speeds[0]).value < factor(speeds[1]).value
    # Every recording is encoded anew: what the evaluation has kept would flatter.
    assert base.begun_anew == tuned.begun_anew == CLIPS + 1


def test_too_few_recordings_and_a_model_that_fails_give_a_reason(tmp_path: Path) -> None:
    [few, failed] = timed(tmp_path, 3, Typist(), Typist(reason="out of memory"))
    assert few.real_time_factor == Unscored(reason="timed on 2 of the 3 recordings that it takes")
    assert isinstance(failed.real_time_factor, Unscored)
    assert "timed on 0" in str(failed)


def test_a_model_that_keeps_no_recordings_is_not_timed(tmp_path: Path) -> None:
    [speed] = timed(tmp_path, 6, FakeModel(), Typist())
    assert speed.arm == "tuned"


def evaluated(folder: Path, model: Typist) -> Run:
    """The record of an evaluation of twelve rows, six of them held out."""
    with Store(folder) as store:
        rows = heard_rows(store, 12)
        dataset = Dataset(id="d" * 64, rows=12, examples=store.put_examples(rows), receipts="")
        parts = ["test" if number < 6 else f"fold-{number % 2}" for number in range(12)]
        assigned = tuple(
            Assignment(id=row.id, family=row.id, part=part)
            for row, part in zip(rows, parts, strict=True)
        )
        split = Split(dataset=dataset.id, folds=2, seed=0, assignments=assigned)
        file = parse_task(TASK, path=folder / "tunewell.yaml", environment={})
        evaluate(dataset, split, None, Project(file, store), models=lambda _: model)
        run = store.last_run("evaluate")
    assert run is not None
    return run


def test_the_digests_are_the_same_whatever_time_it_took_and_whether_it_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = evaluated(tmp_path / "fast", Typist())
    slow = evaluated(tmp_path / "slow", Typist(0.01))
    monkeypatch.setattr("tunewell.evaluate.stage.real_time_factors", lambda *_, **__: [])
    untimed = evaluated(tmp_path / "untimed", Typist())
    assert fast.outputs == slow.outputs == untimed.outputs
    assert fast.key == slow.key == untimed.key
    assert fast.speeds != slow.speeds
    assert untimed.speeds == ()


def test_rows_that_are_read_are_not_timed() -> None:
    turns = (Message(role="user", content="Why?"), Message(role="assistant", content="So."))
    assert timed_rows([Example(id="r", messages=turns)] * 4, seed=0) == []


def test_an_evaluation_that_is_taken_over_keeps_its_times(tmp_path: Path) -> None:
    first = evaluated(tmp_path, Typist())
    again = evaluated(tmp_path, Typist(0.01))
    assert again.reused_from == first.id or again.id == first.id
    assert again.speeds == first.speeds


def test_neither_a_metric_nor_a_gate_may_ask_for_it(tmp_path: Path) -> None:
    gate = "gates: [{metric: real_time_factor, kind: level, at_most: 0.5}]"
    with pytest.raises(TaskError, match="neither a metric nor part of a gate"):
        parse_task(f"{TASK}{gate}", path=tmp_path / "t.yaml", environment={})
    listed = TASK.replace("word_errors", "real_time_factor")
    file = parse_task(listed, path=tmp_path / "t.yaml", environment={})
    with pytest.raises(TaskError, match="neither a metric nor part of a gate"):
        build_metrics(file)
