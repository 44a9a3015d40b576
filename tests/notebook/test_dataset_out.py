"""Curated rows for ``datasets``, and cards as the hub's own reader takes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import tunewell as tw
from tunewell.notebook.dataset_out import by_part
from tunewell.testing.factories import SampleProject, sample_project
from tunewell.train.export.peft import model_card
from tunewell.types import Assignment, Example, Recipe, Split

HOSTILE = "Answers --- [x](javascript:y) <script>: and: colons"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleProject]:
    made = sample_project(tmp_path_factory.mktemp("sample"), rows=120)
    yield made
    made.store.close()


def test_every_curated_row_is_in_one_part(sample: SampleProject) -> None:
    rows = tw.Project(sample.file.root).rows()
    assert set(rows) == {"train", "review", "test"}
    ids = [row["id"] for part in rows.values() for row in part]
    assert sorted(ids) == sorted(sample.rows)
    assert {row["fold"] != "" for row in rows["train"]} == {True}
    assert {row["fold"] for row in rows["test"]} == {""}
    assert rows["train"][0]["messages"][-1]["role"] == "assistant"


def test_the_rows_as_a_dataset_are_checked_as_any_other(sample: SampleProject) -> None:
    datasets = pytest.importorskip("datasets")
    found = tw.Project(sample.file.root).to_datasets()
    assert isinstance(found, datasets.DatasetDict)
    assert found["train"].num_rows > found["test"].num_rows
    report = tw.doctor(found["train"], eval=found["test"])
    assert report.rows == found["train"].num_rows


def test_the_hub_reads_the_card_of_a_dataset(sample: SampleProject) -> None:
    hub = pytest.importorskip("huggingface_hub")
    settings = {"task.about": HOSTILE}
    card = hub.DatasetCard(tw.Project(sample.file.root, settings=settings).dataset_card())
    data = card.data.to_dict()
    assert data["language"] == ["en"]
    assert data["size_categories"] == ["n<1K"]
    assert "<script>" not in card.text
    assert "](javascript" not in card.text
    assert "| train |" in card.text


@pytest.mark.parametrize("base", ["HuggingFaceTB/SmolLM2-135M-Instruct", 'odd: "name"\n---\n'])
def test_the_hub_reads_the_card_of_a_model(base: str) -> None:
    hub = pytest.importorskip("huggingface_hub")
    text = model_card(base=base, recipe=Recipe(), facts={"rows": "12"}, task=HOSTILE)
    card = hub.ModelCard(text)
    assert card.data.base_model == base
    assert card.data.library_name == "peft"
    assert card.data.tags == ["lora", "tunewell"]


def test_a_test_set_of_the_project_is_never_among_the_training_rows(sample: SampleProject) -> None:
    rows = list(sample.rows)[:4]
    examples = [Example(id=row, messages=()) for row in rows]
    assigned = (Assignment(id=rows[0], family="a", part="fold-0"),)
    split = Split(dataset="d", folds=2, seed=0, assignments=assigned)
    found = by_part(examples, split, held_out={rows[1], rows[2]})
    assert {name: [row["id"] for row in part] for name, part in found.items()} == {
        "train": [rows[0]],
        "test": [rows[1], rows[2]],
        "unsplit": [rows[3]],
    }
    without = by_part(examples, None, held_out={rows[1]})
    assert [row["id"] for row in without["test"]] == [rows[1]]
    assert rows[1] not in {row["id"] for row in without["train"]}


def test_before_curation_there_are_no_rows(tmp_path: Path) -> None:
    made = sample_project(tmp_path / "new", rows=30, stages=())
    made.store.close()
    with pytest.raises(tw.UserError, match="nothing has been curated"):
        tw.Project(made.file.root).rows()
