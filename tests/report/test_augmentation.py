"""The report's part on synthetic rows."""

from __future__ import annotations

from pathlib import Path

from tests.test_augmented import put_augmentation, put_trial
from tunewell.project import Project
from tunewell.report.augmentation import augmentation
from tunewell.report.html_page import page
from tunewell.report.results import gather
from tunewell.testing.factories import sample_project
from tunewell.testing.made_up import made_up_row


def test_the_funnel_the_pairs_and_the_trial_are_shown(tmp_path: Path) -> None:
    made = sample_project(tmp_path / "project", rows=120)
    with made.store as store:
        project = Project(made.file, store)
        results = gather(project)
        assert augmentation(results) is None
        assert "Synthetic rows" not in page(results)
        assert results.dataset is not None
        assert results.split is not None
        parent = results.split.all_folds[0]
        hostile = made_up_row(
            f"{parent}~a-1", "<script>alert(1)</script> pay", "{{ 7 * 7 }} by 3 May"
        )
        child = hostile.model_copy(update={"parent": parent, "origin": "augmentation"})
        result = put_augmentation(store, results.dataset, [child])
        put_trial(store, result, 0.02)
        shown = augmentation(results)
        assert shown is not None
        assert shown.used == 0
        assert [pair.parent for pair in shown.pairs] == [parent]
        html = page(results)
    assert "<script>" not in html
    assert "{{ 7 * 7 }}" in html
    assert '<a href="#augmentation">' in html
    assert "this version was not trained on them" in html
    assert "<ins>" in html
    assert "no expert has looked at a sample yet" in html
