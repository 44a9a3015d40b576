"""Tasks of lm-evaluation-harness before and after.

What needs lm-eval itself is skipped where it is not installed.
"""

from __future__ import annotations

import importlib.util
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.train.project import make_project
from tunewell.errors import MissingExtraError, TaskError
from tunewell.project import Project
from tunewell.task import TaskFile
from tunewell.train.forgetting.lm_eval import Scorer
from tunewell.train.forgetting.tasks import (
    Harness,
    TaskScores,
    harness,
    run_tasks,
    task_digests,
    task_finding,
)
from tunewell.types import Example, Recipe

pytest.importorskip("torch")
needs_lm_eval = pytest.mark.skipif(
    importlib.util.find_spec("lm_eval") is None, reason="lm-eval is not installed"
)
CHOICE = """
task: animals
dataset_path: json
dataset_kwargs: {data_files: animals.jsonl}
test_split: train
output_type: multiple_choice
doc_to_text: "Question: {{question}}\\nAnswer:"
doc_to_choice: choices
doc_to_target: label
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
"""
TEXT = """
task: prose
dataset_path: json
dataset_kwargs: {data_files: animals.jsonl}
test_split: train
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{question}}"
metric_list: [{metric: word_perplexity}]
"""
WRITTEN = """
task: words
dataset_path: json
dataset_kwargs: {data_files: animals.jsonl}
test_split: train
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{choices[0]}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 6}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
"""


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    rows = [
        {
            "question": f"What does animal number {i} eat?",
            "choices": ["grass", "stones", "paper"],
            "label": i % 3,
        }
        for i in range(12)
    ]
    (tmp_path / "animals.jsonl").write_text(
        "\n".join(json.dumps(r) for r in rows), encoding="utf-8"
    )
    for name, text in (("choice", CHOICE), ("text", TEXT), ("written", WRITTEN)):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refused)


def adapted_by(network: Any, recipe: Recipe, scale: float, *, cut: int = 0) -> Any:
    """An adapter that is so far from its start."""
    import torch

    from tunewell.train.lora.adapted import Adapted

    adapted = Adapted.begin(network, recipe, cut=cut)
    values = adapted.bank.values
    values += scale * torch.randn(values.shape, generator=torch.Generator().manual_seed(0))
    return adapted


def test_without_lm_eval_a_recipe_that_names_tasks_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert harness(Recipe(), tmp_path) == Harness((), 100)
    with pytest.raises(
        MissingExtraError, match=r"forgetting_tasks \(arc_easy\) needs the optional part 'lm-eval'"
    ):
        harness(Recipe(forgetting_tasks=("arc_easy",)), tmp_path)


def test_a_task_file_that_is_not_there_is_said_before_anything_is_trained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    with pytest.raises(TaskError, match="no task file"):
        harness(Recipe(forgetting_tasks=("missing.yaml",)), tmp_path)
    (tmp_path / "there.yaml").write_text("task: x", encoding="utf-8")
    recipe = Recipe(forgetting_tasks=("there.yaml", "arc_easy"))
    assert harness(recipe, tmp_path).names == (str((tmp_path / "there.yaml").resolve()), "arc_easy")
    before = task_digests(recipe, tmp_path)
    (tmp_path / "there.yaml").write_text("task: y", encoding="utf-8")
    assert before["there.yaml"] != task_digests(recipe, tmp_path)["there.yaml"]


@pytest.mark.parametrize(("lost", "status"), [(0, "clear"), (40, "found"), (12, "unchecked")])
def test_a_task_is_forgotten_where_the_score_surely_fell(lost: int, status: str) -> None:
    scores = np.ones((2, 200))
    scores[:, :40] = 0
    scores[1, 40 : 40 + lost] = 0
    finding = task_finding(TaskScores("sums", "acc", True, scores, None))
    assert finding.status == status
    assert finding.slice == "lm-eval=sums"
    assert "would have been detected" in finding.why
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(-lost / 200)
    mirrored = task_finding(TaskScores("errors", "loss", False, 1 - scores, None))
    assert mirrored.status == status


def test_a_perplexity_is_compared_in_nats() -> None:
    rng = np.random.default_rng(0)
    before = rng.normal(3, 0.3, 100)
    losses = np.stack([before, before * 1.2 + rng.normal(0, 0.1, 100)])
    finding = task_finding(
        TaskScores("prose.yaml", "word_perplexity", False, losses, rng.uniform(20, 60, 100))
    )
    assert finding.status == "found"
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(0.2, abs=0.02)
    assert "of prose changed" in finding.why


@pytest.mark.parametrize("cut", [0, 2])
def test_a_continuation_is_scored_as_transformers_scores_it(
    tiny: Any, network: Any, tokenizer: Any, recipe: Recipe, cut: int
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny.folder, dtype=torch.float32)
    scorer = Scorer(adapted_by(network, recipe, 0.0, cut=cut), tokenizer)
    pairs = [
        (scorer.encode("the meter and "), scorer.encode("the bill")),
        ([scorer.end], scorer.encode("paid")),
    ]
    for (context, target), (nats, _) in zip(pairs, scorer.score(pairs), strict=True):
        with torch.no_grad():
            logits = model(torch.tensor([[*context, *target]])).logits[0].log_softmax(-1)
        wanted = sum(float(logits[len(context) - 1 + i, t]) for i, t in enumerate(target))
        assert nats == pytest.approx(wanted, rel=1e-4)
    assert scorer.score([]) == []


def test_what_is_written_greedily_is_scored_as_greedy(
    network: Any, tokenizer: Any, recipe: Recipe
) -> None:
    scorer = Scorer(adapted_by(network, recipe, 0.05), tokenizer)
    context = scorer.encode("invoice of the north")
    ids: list[int] = []
    for _ in range(5):
        ids.append(scorer.adapted.next_token([*context, *ids]))
    other = [(ids[0] + 1) % 200, *ids[1:]]
    assert [greedy for _, greedy in scorer.score([(context, ids), (context, other)])] == [
        True,
        False,
    ]
    written = scorer.write(context, until=[], tokens=5)
    assert written == tokenizer.decode(ids[: ids.index(scorer.end)] if scorer.end in ids else ids)
    assert written
    assert (
        scorer.write(context, until=[written[-1]], tokens=5)
        == written[: written.index(written[-1])]
    )


@needs_lm_eval
def test_every_kind_of_task_is_answered_before_and_after_without_a_network(
    network: Any, tokenizer: Any, recipe: Recipe, tasks: Path, no_network: None
) -> None:
    named = Harness(tuple(str(tasks / f"{n}.yaml") for n in ("choice", "text", "written")), 9)
    none, far = (adapted_by(network, recipe, s) for s in (0.0, 0.3))
    same = run_tasks(none, tokenizer, named)
    assert [s.scores.shape for s in same] == [(2, 9)] * 3
    assert [s.metric for s in same] == ["acc", "word_perplexity", "exact_match"]
    assert all(np.array_equal(s.scores[0], s.scores[1]) for s in same)
    assert task_finding(same[1]).status == "clear"
    moved = run_tasks(far, tokenizer, named)
    assert np.array_equal(moved[0].scores[0], same[0].scores[0])
    assert not np.array_equal(moved[1].scores[0], moved[1].scores[1])
    again = run_tasks(far, tokenizer, named)
    assert all(np.array_equal(a.scores, b.scores) for a, b in zip(moved, again, strict=True))


@needs_lm_eval
@pytest.mark.slow
def test_lm_evals_own_model_says_the_same(
    tiny: Any, network: Any, tokenizer: Any, recipe: Recipe, tasks: Path
) -> None:
    from lm_eval import simple_evaluate

    from tunewell.train.forgetting import lm_eval as module

    for name in ("choice", "text", "written"):
        path = str(tasks / f"{name}.yaml")
        loaded = module.loaded_tasks(path)
        model = module.language_model(Scorer(adapted_by(network, recipe, 0.0), tokenizer))
        ours = module.samples_of(model, path, loaded, 6)
        own = {"pretrained": str(tiny.folder), "dtype": "float32", "device": "cpu"}
        theirs = simple_evaluate(
            model="hf", model_args=own, tasks=loaded, limit=6, bootstrap_iters=0
        )
        (mine,), (other,) = ours["samples"].values(), theirs["samples"].values()
        for a, b in zip(mine, other, strict=True):
            if name == "written":
                assert a["resps"] == b["resps"]
                continue
            said = [np.asarray([r[0] for r in one["resps"]], float) for one in (a, b)]
            assert said[0] == pytest.approx(said[1], rel=1e-4)


@needs_lm_eval
def test_a_task_that_lm_eval_cannot_load_is_the_users_fault(
    network: Any, tokenizer: Any, recipe: Recipe, tasks: Path
) -> None:
    (tasks / "animals.jsonl").unlink()
    adapted = adapted_by(network, recipe, 0.0)
    with pytest.raises(TaskError, match=r"lm-eval cannot run '.*choice\.yaml'"):
        run_tasks(adapted, tokenizer, Harness((str(tasks / "choice.yaml"),), 4))


@needs_lm_eval
def test_training_reports_a_task_beside_general_text(
    tmp_path: Path,
    tasks: Path,
    examples: Callable[..., list[Example]],
    recipe: Recipe,
    no_network: None,
) -> None:
    from tunewell.train import train

    own = recipe.model_copy(
        update={"epochs": 1, "forgetting_tasks": ("choice.yaml",), "forgetting_documents": 6}
    )
    dataset, split, file, store = make_project(tmp_path / "project", examples(20), own)
    named = TaskFile(spec=file.spec, path=tasks / "tunewell.yaml")
    train(dataset, split, Project(named, store))
    found = [f for f in store.runs(stage="train")[0].findings if f.code == "T04"]
    assert [f.slice for f in found] == ["", "lm-eval=choice"]
    assert found[1].estimate is not None
    assert found[1].estimate.n == 6
    train(dataset, split, Project(named, store))
    assert len(store.runs(stage="train")) == 1
