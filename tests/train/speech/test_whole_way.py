"""A model trained on recordings, evaluated, decided on, exported and merged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tunewell.errors import TaskError
from tunewell.evaluate import decide, evaluate
from tunewell.evaluate.arms import contenders, local_models
from tunewell.evaluate.predict import PassMeter
from tunewell.evaluate.real_time import real_time_factors, timed_rows
from tunewell.model.base import GenerateOptions
from tunewell.model.speech.weights import weights_of
from tunewell.project import Project
from tunewell.task import TaskFile, parse_task
from tunewell.train import merge
from tunewell.types import Estimate, Score

TASK = """
task: {name: desk, about: Writes dictations down., input: a recording, output: its words}
data: [{path: rows.jsonl}]
slices: [{field: kind}]
metrics:
  - name: word_errors
  - {name: new_terms, options: {metric: terms, which: new, terms: [five, zebra]}}
  - name: words_on_no_speech
evaluate: {max_new_tokens: 4}
gates:
  - {metric: word_errors, kind: no_worse, against: base, margin: 0.02, slices: kind}
"""


def with_task(project: Project, text: str) -> Project:
    file = parse_task(text, path=project.file.path, environment={})
    spec = file.spec.model_copy(update={"train": project.spec.train})
    return Project(TaskFile(spec=spec, path=file.path), project.store)


def test_recordings_of_the_test_set_are_written_down_and_decided_by(trained: Any) -> None:
    result, (dataset, split, project) = trained
    project = with_task(project, TASK)
    # Every row that is outside the folds: one of the task and one in which nobody speaks.
    held = ("r03", "r12", "r13")
    dataset = dataset.model_copy(update={"held_out": held})
    found = evaluate(dataset, split, result.model, project)
    assert found.arms == ("base", "tuned")
    assert found.rows == ("r03", "r12", "r13")
    levels = {(each.arm, each.metric): each for each in found.levels if not each.slice}
    assert levels["tuned", "word_errors"].estimate.n == 2
    assert levels["base", "words_on_no_speech"].estimate.n == 1
    assert ("tuned", "new_terms") not in levels
    scores = project.store.get_value(found.scores, list[Score])
    weights = {s.example: s.weight for s in scores if s.metric == "word_errors"}
    assert weights == {"r12": 2, "r13": 4}

    verdict = decide(found, project, ())
    assert verdict.outcome != "GO"
    slices = {criterion.slice for criterion in verdict.criteria}
    assert "kind=no-speech" not in slices
    # What has no criterion of its own is named where the gate is judged on all rows.
    assert "Unchecked on kind=no-speech" in verdict.criteria[0].why


def test_base_and_tuned_model_are_timed_on_the_same_recordings(trained: Any) -> None:
    result, (dataset, _, project) = trained
    file = with_task(project, TASK).file
    speeds = real_time_factors(
        contenders(file.spec, result.model, ()),
        timed_rows(project.store.examples(dataset), seed=0),
        local_models(result.model.base, project.store),
        project.store,
        options=GenerateOptions(max_new_tokens=4),
        meter=PassMeter(0, None),
    )
    assert [speed.arm for speed in speeds] == ["base", "tuned"]
    for speed in speeds:
        assert isinstance(speed.real_time_factor, Estimate)
        assert speed.real_time_factor.value > 0
        assert speed.real_time_factor.n == 13
        assert "1 thread" in speed.machine


def test_a_model_begun_afresh_encodes_again_and_writes_the_same(speech: Any, clips: Any) -> None:
    digest = next(iter(clips))
    kept = speech.transcribe([digest])
    heard = speech.encoded.get(digest)
    fresh = speech.afresh()
    assert fresh.transcribe([digest]) == kept
    again = fresh.encoded.get(digest)
    assert again is not heard
    assert (again == heard).all()
    assert speech.encoded.get(digest) is heard


def test_a_gate_against_a_prompt_is_refused_by_name(trained: Any) -> None:
    result, (dataset, split, project) = trained
    project = with_task(project, TASK.replace("against: base", "against: prompted"))
    with pytest.raises(TaskError, match="takes no prompt: set against: base"):
        evaluate(dataset, split, result.model, project)


def test_the_merged_model_gives_the_same_losses(trained: Any, tmp_path: Path, speech: Any) -> None:
    from tunewell.model.speech.whisper import SpeechModel

    result, (dataset, _, project) = trained
    adapter = project.store.files.open(result.model.adapter)
    merged = merge(adapter, weights_of(result.model.base), tmp_path / "merged")
    rows = project.store.examples(dataset)[:4]
    losses = []
    for model in (
        speech.with_adapter(adapter),
        SpeechModel(str(merged), clips=project.store.files.open),
        SpeechModel(result.model.base, clips=project.store.files.open, adapter=adapter),
    ):
        scores = model.score([row.prompt for row in rows], [row.target for row in rows])
        losses.append([score.nats for score in scores])
    assert np.allclose(losses[0], losses[1], atol=1e-3)
    assert np.allclose(losses[0], losses[2], atol=1e-3)
