"""When a job is measured, and that a stop changes nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tunewell.train.lora.rows import TrainRow, encode_rows
from tunewell.types import Example, Recipe

pytest.importorskip("torch")


@pytest.fixture
def rows(examples: Callable[..., list[Example]], tokenizer: Any) -> tuple[TrainRow, ...]:
    return encode_rows(examples(14), tokenizer, max_tokens=200).rows


def job_of(network: Any, rows: Any, recipe: Recipe) -> Any:
    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.job import Job

    train = np.arange(len(rows))[None] % 2 != np.arange(2)[:, None]
    return Job(Adapted.begin(network, recipe, cut=2, adapters=(0, 1)), rows, train=train)


@pytest.mark.parametrize(
    ("read_from", "epochs"),
    [(0, [0.0, 1.0, 2.0, 3.0]), (1, [1.0, 2.0, 3.0]), (2, [2.0, 3.0]), (9, [3.0])],
)
def test_it_is_measured_from_the_epoch_that_was_asked_for_and_at_its_end(
    network: Any, rows: Any, recipe: Recipe, read_from: int, epochs: list[float]
) -> None:
    from tunewell.train.lora.run import Schedule, run_job

    job = job_of(network, rows, recipe)
    done = run_job(job, Schedule(3, read_from=read_from), measure=~job.train)
    assert [reading.epoch for reading in done.readings] == epochs
    assert done.epochs == 3

    every = job_of(network, rows, recipe)
    usual = run_job(every, Schedule(3), measure=~every.train)
    np.testing.assert_array_equal(done.readings[-1].losses, usual.readings[-1].losses)


def test_stopped_before_its_first_measurement_it_goes_on_to_the_same(
    network: Any, rows: Any, recipe: Recipe, tmp_path: Path
) -> None:
    from tunewell.train.lora.checkpoint import Checkpoint
    from tunewell.train.lora.run import Running, Schedule, run_job

    schedule = Schedule(3, read_from=2)
    whole = job_of(network, rows, recipe)
    expected = run_job(whole, schedule, measure=~whole.train)

    kept = Checkpoint(tmp_path / "state.safetensors")
    stopped = job_of(network, rows, recipe)
    Running(stopped, schedule, measure=~stopped.train, checkpoint=kept).epoch_on()
    again = job_of(network, rows, recipe)
    found = run_job(again, schedule, measure=~again.train, checkpoint=kept)

    assert [reading.epoch for reading in found.readings] == [2.0, 3.0]
    np.testing.assert_array_equal(found.readings[-1].losses, expected.readings[-1].losses)
