from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.train.project import make_project
from tunewell.errors import DataError
from tunewell.project import Project
from tunewell.store.traces import trace_from_bytes
from tunewell.train import Point, train
from tunewell.types import Example, FoldTrace, Recipe, Trained

pytest.importorskip("torch")

Make = Callable[..., list[Example]]


def trace_of(store: Any, digest: str) -> FoldTrace:
    return trace_from_bytes(store.files.open(digest).read_bytes())


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, tiny: Any, examples: Make
) -> tuple[Trained, Any, Any, Any]:
    recipe = Recipe(
        model=str(tiny.folder),
        rank=4,
        alpha=8,
        dropout=0.1,
        rate=1e-2,
        epochs=2,
        tokens_per_batch=256,
        fold_layers=0.5,
        max_tokens=150,
        noise=0.5,
    )
    rows = [
        *examples(44),
        Example.model_validate(
            {
                "id": "r9-long",
                "messages": [
                    {"role": "user", "content": "meter " * 200},
                    {"role": "assistant", "content": "yes"},
                ],
            }
        ),
    ]
    rows.sort(key=lambda e: e.id)
    # The long row must be in a fold, not in the two rows that stay outside.
    rows = [rows[-1].model_copy(update={"id": "a-long"}), *rows[:-1]]
    dataset, split, file, store = make_project(tmp_path_factory.mktemp("project"), rows, recipe)
    points: list[Point] = []
    bar: list[tuple[int, int]] = []
    result = train(
        dataset,
        split,
        Project(file, store),
        progress=lambda d, t: bar.append((d, t)),
        live=points.append,
    )
    return result, store, split, (points, bar, dataset, file)


def test_it_learns_and_says_by_how_much(trained: Any) -> None:
    result, store, split, (points, bar, _, _) = trained
    trace = trace_of(store, result.trace)
    assert trace.losses.shape == (3, 3, 42)
    before = np.nanmean(trace.losses[0][trace.held_out])
    assert result.held_out_loss.value < before - 0.3
    assert result.held_out_loss.low < result.held_out_loss.value < result.held_out_loss.high
    assert result.held_out_loss.n == 42
    assert result.best_epoch in {1.0, 2.0}
    assert result.model.trained_on == 42
    assert result.model.recipe.epochs in {1, 2}
    assert [p.phase for p in points] == ["folds"] * 3 + ["check"] * 3
    assert bar[-1][0] == bar[-1][1]
    assert all(a[0] <= b[0] for a, b in itertools.pairwise(bar))
    assert set(trace.examples) == set(split.all_folds) - {"a-long"}
    assert (
        "Noise was added to the states before layer 2 in the folds, on the embeddings in the final."
        in result.notes
    )
    assert sum("the top 50 % of the layers" in note for note in result.notes) == 1


def test_every_row_is_measured_where_held_out_and_where_trained_on(trained: Any) -> None:
    result, store, _, _ = trained
    trace = trace_of(store, result.trace)
    for evaluation in trace.losses:
        measured = np.isfinite(evaluation)
        assert (measured & trace.held_out).sum(0).tolist() == [1] * 42
        assert (measured & ~trace.held_out).sum(0).tolist() == [1] * 42


def test_the_run_is_recorded_with_its_findings(trained: Any) -> None:
    result, store, _, (_, _, dataset, _) = trained
    run = store.last_run("train")
    assert store.get_value(run.outputs["trained"], Trained) == result
    assert run.outputs["adapter"] == result.model.adapter
    assert run.outputs["trace"] == result.trace
    assert run.inputs["examples"] == dataset.examples
    assert [f.code for f in run.findings] == ["T07", "T01", "T02", "D10", "T06", "T04"]
    assert run.findings[0].status == "clear"
    assert run.counts["too_long"] == 1
    assert result.too_long == ("a-long",)
    assert not any((store.root / "work").iterdir())


def test_wrong_targets_are_ranked_as_they_stood_after_the_first_epoch(
    tmp_path: Path, recipe: Recipe, examples: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tunewell.train.diagnose.label_errors import label_errors
    from tunewell.train.session import TrainingSession

    taken: list[tuple[int, int, Any]] = []
    whole = TrainingSession.prior

    def prior(self: TrainingSession, adapted: Any, held_out: Any) -> Any:
        losses = whole(self, adapted, held_out)
        per_epoch = len(self.job(adapted.cut, self.fold_masks()).batches(0))
        taken.append((adapted.bank.steps, per_epoch, losses))
        return losses

    monkeypatch.setattr(TrainingSession, "prior", prior)
    dataset, split, file, store = make_project(
        tmp_path, examples(30), recipe.model_copy(update={"patience": 2})
    )
    trace = trace_of(store, train(dataset, split, Project(file, store)).trace)
    assert len(trace.epochs) > 2
    ((steps, per_epoch, losses),) = taken
    assert steps == per_epoch
    found = next(f for f in store.last_run("train").findings if f.code == "D10")  # type: ignore[union-attr]
    assert found == label_errors(trace, 1, prior=losses)
    assert found != label_errors(trace, 2, prior=losses)


def test_a_finished_run_is_taken_over(trained: Any) -> None:
    result, store, split, (_, _, dataset, file) = trained
    runs = len(store.runs(stage="train"))
    assert train(dataset, split, Project(file, store)) == result
    assert len(store.runs(stage="train")) == runs


def test_the_adapter_loads_in_peft_with_equal_logits(
    trained: Any, tiny: Any, tokenizer: Any
) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from tunewell.model.chat import encode
    from tunewell.model.local import LocalModel
    from tunewell.types import Message

    result, store, _, _ = trained
    folder = store.files.open(result.model.adapter)
    assert sorted(p.name for p in folder.iterdir()) == [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["target_modules"] == sorted(config["target_modules"])
    base = AutoModelForCausalLM.from_pretrained(tiny.folder, dtype=torch.float32)
    coded = encode(tokenizer, [Message(role="user", content="meter bill tariff")], "meter")
    ids = torch.tensor([coded.ids])
    with torch.no_grad():
        plain = base(input_ids=ids).logits
        tuned = PeftModel.from_pretrained(base, str(folder))(input_ids=ids).logits
    assert float((plain - tuned).abs().max()) > 0.1
    logp = torch.log_softmax(tuned, -1)
    nats = -sum(
        float(logp[0, i - 1, coded.ids[i]]) for i in range(coded.target_start, len(coded.ids))
    )
    model = LocalModel(tiny, adapter=folder, dtype="float32")
    score = model.score([(Message(role="user", content="meter bill tariff"),)], ["meter"])[0]
    assert score.nats == pytest.approx(nats, abs=1e-4)


def test_an_adapter_on_the_top_layers_says_which(
    tmp_path: Path, tiny: Any, examples: Make, recipe: Recipe
) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    recipe = recipe.model_copy(update={"layers": 0.5, "epochs": 1})
    dataset, split, file, store = make_project(tmp_path, examples(20), recipe)
    result = train(dataset, split, Project(file, store))
    assert result.check == ""  # folds at the final's depth: they set the length themselves
    config = json.loads(
        (store.files.open(result.model.adapter) / "adapter_config.json").read_text()
    )
    assert config["layers_to_transform"] == [2, 3]
    base = AutoModelForCausalLM.from_pretrained(tiny.folder, dtype=torch.float32)
    PeftModel.from_pretrained(base, str(store.files.open(result.model.adapter)))


def test_the_card_tells_where_it_came_from_and_stays_text(trained: Any) -> None:
    result, store, _, (_, _, dataset, _) = trained
    card = (store.files.open(result.model.adapter) / "README.md").read_text()
    assert dataset.id in card
    assert "T01" in card
    assert "Answers of a service desk." in card


def test_a_cap_on_tokens_draws_rows_by_seed(tmp_path: Path, examples: Make, recipe: Recipe) -> None:
    recipe = recipe.model_copy(update={"max_train_tokens": 1200, "epochs": 1})
    dataset, split, file, store = make_project(tmp_path, examples(40), recipe)
    result = train(dataset, split, Project(file, store))
    assert 900 < result.tokens <= 1200
    assert store.last_run("train").counts["not_drawn"] > 0  # type: ignore[union-attr]
    assert "rows were drawn by seed" in result.notes[0]


def test_a_fold_without_rows_says_what_to_do(
    tmp_path: Path, examples: Make, recipe: Recipe
) -> None:
    dataset, split, file, store = make_project(
        tmp_path, examples(12), recipe.model_copy(update={"max_tokens": 16})
    )
    with pytest.raises(DataError, match="fold 0 has no row that can be trained on"):
        train(dataset, split, Project(file, store))
    run = store.runs(stage="train")[-1]
    assert run.status == "failed"


SCRIPT = """
import sys, torch
from pathlib import Path
torch.set_num_threads(1)
from tests.train.project import make_project
from tests.train.conftest import make_examples
from tunewell.types import Recipe
from tunewell.train import train
recipe = Recipe.model_validate_json(sys.argv[2])
from tunewell.project import Project
dataset, split, file, store = make_project(Path(sys.argv[1]), make_examples(30), recipe)
def live(point):
    print(point.phase, point.epoch, flush=True)
trained = train(dataset, split, Project(file, store), live=live)
print(trained.model_dump_json(exclude={"tokens_per_s"}))
"""


def start(folder: Path, recipe: Recipe) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    env = os.environ | {"PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder), recipe.model_dump_json()],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        cwd=root,
    )


def kill_at(folder: Path, recipe: Recipe, phase: str, epoch: str) -> None:
    """Let a process train up to an evaluation, then `kill -9` it."""
    process = start(folder, recipe)
    assert process.stdout is not None
    for line in process.stdout:
        if line.split()[:2] == [phase, epoch]:
            break
    else:
        pytest.fail(
            f"never came to {phase} {epoch}: {process.stderr.read() if process.stderr else ''}"
        )
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def go_on(folder: Path, recipe: Recipe, examples: Make) -> tuple[Trained, list[tuple[str, float]]]:
    dataset, split, file, store = make_project(folder, examples(30), recipe)
    points: list[Point] = []
    result = train(dataset, split, Project(file, store), live=points.append)
    return result.model_copy(update={"tokens_per_s": 0.0}), [(p.phase, p.epoch) for p in points]


def test_killed_in_the_folds_it_goes_on_to_the_same_result(
    tmp_path: Path, recipe: Recipe, examples: Make
) -> None:
    recipe = recipe.model_copy(update={"patience": 2})
    kill_at(tmp_path / "killed", recipe, "folds", "1.0")
    result, points = go_on(tmp_path / "killed", recipe, examples)
    assert ("folds", 0.0) not in points  # what was done is not done again
    assert result == go_on(tmp_path / "whole", recipe, examples)[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("phase", "epoch"), [("folds", "0.0"), ("folds", "2.0"), ("check", "0.0"), ("check", "2.0")]
)
def test_killed_in_any_phase(
    tmp_path: Path, recipe: Recipe, examples: Make, phase: str, epoch: str
) -> None:
    recipe = recipe.model_copy(update={"patience": 2})
    kill_at(tmp_path / "killed", recipe, phase, epoch)
    result, points = go_on(tmp_path / "killed", recipe, examples)
    if phase == "check":
        assert "folds" not in {p for p, e in points if e < 2}
    assert result == go_on(tmp_path / "whole", recipe, examples)[0]


@pytest.mark.slow
def test_killed_in_the_final_run(tmp_path: Path, recipe: Recipe, examples: Make) -> None:
    """Nothing is measured there, so its checkpoint says that it is under way."""
    recipe = recipe.model_copy(update={"patience": 2})
    folder = tmp_path / "killed"
    process = start(folder, recipe)
    while process.poll() is None and not list(folder.glob(".tunewell/work/*/final.safetensors")):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert list(folder.glob(".tunewell/work/*/final.safetensors"))
    result, points = go_on(folder, recipe, examples)
    assert {p for p, e in points if e < 2} == set()
    assert result == go_on(tmp_path / "whole", recipe, examples)[0]
