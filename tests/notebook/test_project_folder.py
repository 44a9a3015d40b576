"""``tw.Project``: the folder's stages, report and rows, as the command line has them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import tunewell as tw
from tunewell.testing.factories import SampleProject, sample_project
from tunewell.testing.tiny import tiny_model_folder

HOSTILE = "<script>alert(1)</script>"

DEFINITION = """\
task:
  {{name: desk, about: Answers of a desk., input: question, output: text}}
data: [{{path: rows.jsonl, format: prompt_completion}}]
metrics: [{{name: key_points, options: {{points: [form]}}}}]
gates: [{{metric: key_points, kind: gain, at_least: 0.05}}]
split: {{folds: 2, test: 0.25, review: 0.1}}
train: {{model: "{model}", epochs: 3, rank: 2, max_tokens: 128, tokens_per_batch: 512}}
evaluate: {{shots: 1, max_new_tokens: 4}}
"""


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleProject]:
    made = sample_project(tmp_path_factory.mktemp("sample"), rows=120, hostile=[HOSTILE])
    yield made
    made.store.close()


def test_nothing_is_opened_before_it_is_asked(tmp_path: Path) -> None:
    project = tw.Project(tmp_path)
    assert repr(project) == f"Project('{tmp_path}')"
    assert not any(tmp_path.iterdir())
    with pytest.raises(tw.UserError, match=r"no tunewell\.yaml"):
        _ = project.spec


def test_settings_stand_above_the_file(sample: SampleProject) -> None:
    named = {"train.epochs": 9, "task.about": "yes: of course, 'all' of it"}
    spec = tw.Project(sample.file.root, settings=named).spec
    assert (spec.train.epochs, spec.task.about) == (9, named["task.about"])
    assert tw.Project(sample.file.root, settings=["train.epochs=7"]).spec.train.epochs == 7


def test_verdict_and_findings_are_those_of_the_store(sample: SampleProject) -> None:
    project = tw.Project(sample.file.root)
    verdict = project.verdict()
    assert verdict is not None
    assert verdict.outcome == "INCONCLUSIVE"
    assert {finding.stage for finding in project.findings()} >= {"curate", "evaluate"}


def test_before_the_first_run_there_is_neither(tmp_path: Path) -> None:
    made = sample_project(tmp_path / "new", rows=30, stages=())
    made.store.close()
    project = tw.Project(made.file.root)
    assert project.verdict() is None
    assert project.findings() == ()
    with pytest.raises(tw.UserError, match="nothing has been curated"):
        project.why("x")


def test_why_tells_the_steps_of_a_row_with_hostile_text_escaped(sample: SampleProject) -> None:
    row = next(iter(sample.rows))
    history = tw.Project(str(sample.file.root)).why(row)
    assert history.row == row
    assert history.receipts
    assert str(history).startswith(f"{row} (read from ")
    page = history._repr_html_()
    assert page.count("<tr>") == 1 + len(history.receipts)
    assert HOSTILE not in page


def test_the_report_is_shown_in_a_frame_without_scripts(sample: SampleProject) -> None:
    report = tw.Project(sample.file.root).report()
    assert Path(report).is_file()
    page = report._repr_html_()
    assert page.startswith("<iframe sandbox srcdoc=")
    assert page.count("<") == 2
    assert HOSTILE not in page


def rows() -> str:
    draw = random.Random(5)
    words = "meter bill move outage tariff form reading street letter payment winter house".split()
    lines = []
    for number in range(40):
        asked = " ".join(draw.sample(words, 6)) + f" number {number}?"
        said = f"Use form {draw.choice(words)} {number}."
        lines.append(json.dumps({"prompt": asked, "completion": said}) + "\n")
    return "".join(lines)


@pytest.mark.slow
def test_a_run_ends_with_a_verdict_and_the_next_one_reuses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEWELL_CACHE", str(tmp_path / "cache"))
    model = tiny_model_folder(tmp_path / "tiny")
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "tunewell.yaml").write_text(DEFINITION.format(model=model), encoding="utf-8")
    (folder / "rows.jsonl").write_text(rows(), encoding="utf-8")

    project = tw.Project(folder, settings={"train.epochs": 1})
    assert project.plan().rows == 40
    said: list[str] = []
    done = project.run(say=said.append)
    assert done.verdict.outcome in {"NO-GO", "INCONCLUSIVE"}
    assert said
    assert Path(done.report).is_file()
    assert str(done).startswith(done.verdict.outcome)
    assert "<table" in done._repr_html_()
    assert project.verdict() == done.verdict

    again = project.run()
    assert set(again.reused) >= {"curate", "split", "train", "evaluate"}
