from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tunewell.project import Project
from tunewell.report.results import Results, gather
from tunewell.testing.factories import SampleProject, sample_project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleProject]:
    """A project with two versions, the newest INCONCLUSIVE."""
    made = sample_project(tmp_path_factory.mktemp("project"), rows=300, versions=2)
    yield made
    made.store.close()


@pytest.fixture(scope="session")
def results(project: SampleProject) -> Results:
    return gather(Project(project.file, project.store))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, or a skip that says why."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("there is no chromium on the path")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "project"
