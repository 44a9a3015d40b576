"""``tunewell train`` on rows that are heard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.train.speech.conftest import RECIPE, SPEAKERS, opened, rows_of
from tunewell.errors import DataError, TaskError
from tunewell.store.traces import trace_from_bytes
from tunewell.train import learning_curve, train


def test_folds_and_final_are_trained_on_recordings(trained: Any) -> None:
    result, (_, split, project) = trained
    trace = trace_from_bytes(project.store.files.open(result.trace).read_bytes())
    assert trace.losses.shape == (3, SPEAKERS, 10)
    before = np.nanmean(trace.losses[0][trace.held_out])
    assert result.held_out_loss.value < before
    assert result.model.trained_on == 10
    assert set(trace.examples) < set(split.all_folds)
    run = project.store.last_run("train")
    assert [f.code for f in run.findings] == ["T07", "T01", "T02", "D10", "T06", "T04"]
    assert run.findings[0].status == "clear"


def test_errors_per_word_before_and_after_are_said(trained: Any) -> None:
    result, (_, _, project) = trained
    [line] = [note for note in result.notes if note.startswith("Errors per word")]
    assert line.count(" %") == SPEAKERS
    card = project.store.files.open(result.model.adapter) / "README.md"
    assert "| errors per word, base |" in card.read_text()
    assert "begin_suppress_tokens = None" in card.read_text()


def test_forgetting_is_measured_on_general_speech_that_no_fold_has_heard(trained: Any) -> None:
    _, (_, _, project) = trained
    finding = project.store.last_run("train").findings[-1]
    assert finding.code == "T04"
    assert "2 recordings of 2 speakers" in finding.why


def test_without_general_speech_forgetting_is_unchecked(
    tmp_path: Path, whisper_folder: Path, clips: dict[str, Path]
) -> None:
    changes = {"model": str(whisper_folder), "replay_kinds": (), "replay": 0.0, "epochs": 1}
    rows = [row for row in rows_of(clips, 42) if row.kind != "general"]
    project = opened(tmp_path, clips, RECIPE.model_copy(update=changes), rows)
    result = train(*project)
    finding = project[2].store.last_run("train").findings[-1]
    assert (finding.code, finding.status) == ("T04", "unchecked")
    assert result.model.trained_on == len(rows) - 2
    curve = learning_curve(*project)
    assert curve.measured


def test_an_adapter_never_hears_general_rows_of_a_fold_that_it_leaves_out(
    tmp_path: Path, whisper_folder: Path, clips: dict[str, Path]
) -> None:
    from tunewell.train.masks import Masks
    from tunewell.train.opening import open_session, weights_for
    from tunewell.train.speech.session import SpeechSession

    recipe = RECIPE.model_copy(update={"model": str(whisper_folder)})
    dataset, split, project = opened(tmp_path, clips, recipe, rows_of(clips))
    weights = weights_for(dataset, recipe, project)
    with open_session(dataset, split, recipe, weights, project, tmp_path) as session:
        assert isinstance(session, SpeechSession)
        for masks in (session.fold_masks(), Masks.everything(len(session.rows.rows))):
            job = session.job(0, masks)
            own = len(job.own_rows)
            for epoch in range(3):
                for batch in job.batches(epoch):
                    for place, rows in enumerate(batch.rows):
                        folds = {int(session.general_folds[r - own]) for r in rows if r >= own}
                        assert place not in folds or len(batch.rows) == 1
        assert {r for b in job.batches(0) for r in b.rows.ravel().tolist() if r >= own}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": "smollm2-135m"}, "14 of 14 rows are heard"),
        ({"replay_kinds": ()}, "replay: name the kinds"),
        ({"backend": "trl"}, "backend: "),
        ({"forgetting_tasks": ("arc",)}, "forgetting_tasks: "),
    ],
)
def test_what_does_not_go_together_is_refused_before_training(
    changes: dict[str, Any],
    said: str,
    tmp_path: Path,
    whisper_folder: Path,
    clips: dict[str, Path],
) -> None:
    recipe = RECIPE.model_copy(update={"model": str(whisper_folder), **changes})
    project = opened(tmp_path, clips, recipe, rows_of(clips))
    with pytest.raises((DataError, TaskError), match=said):
        train(*project)


def test_written_rows_are_refused_by_a_model_that_hears(
    tmp_path: Path, whisper_folder: Path, clips: dict[str, Path]
) -> None:
    rows = [row.model_copy(update={"id": f"w{row.id}"}) for row in rows_of(clips)]
    written = rows[0].messages[0].model_copy(update={"audio": "", "content": "What?"})
    rows[0] = rows[0].model_copy(update={"messages": (written, *rows[0].messages[1:])})
    recipe = RECIPE.model_copy(update={"model": str(whisper_folder)})
    with pytest.raises(DataError, match="1 of 14 rows are written"):
        train(*opened(tmp_path, clips, recipe, rows))
