"""Doubt of each row, as training and evaluation have measured it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.web.world import make_project
from tunewell.annotate import row_doubts
from tunewell.cli.main import app
from tunewell.errors import UserError
from tunewell.lineage import record
from tunewell.people import WorkStore
from tunewell.store import Store
from tunewell.store.traces import trace_to_bytes
from tunewell.types import (
    Estimate,
    Evaluation,
    FoldTrace,
    MetricInfo,
    ModelVersion,
    Prediction,
    Recipe,
    Score,
    Trained,
    Unscored,
)

JUDGE = MetricInfo(name="judge", title="A model's view", own=True, validated=False, low=1, high=5)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    _, store = make_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield store
    store.close()


def measured(store: Store, scores: tuple[Score, ...] = ()) -> None:
    """The tuned arm's answers, of which row t0003 was far the least sure."""
    run = store.last_run("evaluate")
    assert run is not None
    old = store.get_value(run.outputs["evaluation"], Evaluation)
    said = [
        Prediction(
            example=name,
            arm="tuned",
            text="x",
            nats=60.0 if name == "t0003" else 0.2,
            nats_tokens=10,
        )
        for name in old.rows
    ]
    with record(store, "evaluate", inputs=dict(run.inputs), parameters={}) as again:
        value = old.model_copy(
            update={
                "predictions": store.put_value(said),
                "scores": store.put_value(list(scores)),
                "metrics": (*old.metrics, JUDGE),
            }
        )
        again.outputs["evaluation"] = store.put_value(value)


def test_training_rows_by_their_held_out_loss_at_the_best_epoch(store: Store) -> None:
    losses = np.full((2, 2, 3), np.nan, np.float32)
    losses[0] = 9.0
    losses[1] = [[0.0, 5.0, 0.7], [5.0, 2.0, np.nan]]
    held = np.array([[True, False, False], [False, True, True]])
    trace = FoldTrace(
        losses=losses,
        tokens=np.ones(3, np.int64),
        held_out=held,
        epochs=np.array([0.0, 1.0]),
        examples=("a", "b", "c"),
    )
    one = Estimate(value=1.0, low=1.0, high=1.0, n=1, method="exact")
    model = ModelVersion(
        id="v1",
        base="fake",
        adapter="a" * 64,
        recipe=Recipe(),
        dataset="d",
        split="s",
        trained_on=1,
    )
    with record(store, "train", inputs={}, parameters={}) as run:
        kept = store.files.put_bytes(trace_to_bytes(trace), suffix=".safetensors")
        run.outputs["trained"] = store.put_value(
            Trained(model=model, trace=kept, best_epoch=1, held_out_loss=one, train_loss=one)
        )
    assert row_doubts(store, "train") == pytest.approx({"a": 0.0, "b": 1 - np.exp(-2)})


def test_what_has_not_been_measured_is_said_with_the_way_on(store: Store) -> None:
    with pytest.raises(UserError, match="measured by training, which has not run") as untrained:
        row_doubts(store, "train")
    assert untrained.value.hint == "tunewell train"
    with pytest.raises(UserError, match="review pool") as pool:
        row_doubts(store, "review")
    assert "--from train" in pool.value.hint
    with pytest.raises(UserError, match="neither"):
        row_doubts(store, "test")  # the evaluation has no certainty and no judge
    refused = CliRunner().invoke(app, ["annotate", "open", "--uncertain", "0.5"])
    assert refused.exit_code == 1
    assert WorkStore(store).batches() == []


def test_a_judge_in_the_middle_of_its_scale_is_in_doubt(store: Store) -> None:
    given: dict[str, float | Unscored] = {
        "t0000": 3.0,
        "t0001": 5.0,
        "t0002": Unscored(reason="no answer"),
        "t0003": 1.0,
    }
    measured(
        store,
        tuple(Score(example=n, arm="tuned", metric="judge", value=v) for n, v in given.items()),
    )
    found = row_doubts(store, "test")
    own = 1 - np.exp(-0.02)
    expected = {"t0000": 1.0, "t0001": own, "t0002": own, "t0003": 1 - np.exp(-6)}
    assert {n: found[n] for n in given} == pytest.approx(expected)


def test_the_uncertain_come_with_their_probability(store: Store) -> None:
    measured(store)
    found = CliRunner().invoke(
        app, ["annotate", "open", "--from", "test", "--rows", "6", "--uncertain", "0.5", "--json"]
    )
    assert found.exit_code == 0, found.output
    result = json.loads(found.stdout)["result"]
    assert result["items"] == 6
    items = {i.example: i.probability for i in WorkStore(store).items(result["batch"])}
    others = [p for name, p in items.items() if name != "t0003"]
    assert all(0.125 <= p < 0.5 for p in others)
    assert items.get("t0003", 1.0) > 2 * max(others)
    batch = WorkStore(store).batch(result["batch"])
    assert batch is not None
    assert batch.coverage is not None
    assert batch.coverage.model_dump(mode="json") == result["coverage"]
