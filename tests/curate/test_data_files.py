"""One finder of data files: a plan speaks of the files that the run reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.curate.conftest import MakeDefinition, pair
from tunewell.curate.pipeline import read
from tunewell.curate.reading.data_files import find_files, sources_of
from tunewell.errors import DataError
from tunewell.plan import _files_of, _rows
from tunewell.task import DataSource

ROWS = [pair("Where is my meter?", "Below.")]


def found(path: str, root: Path) -> list[str]:
    files = find_files(DataSource(path=path), root=root)
    return [file.relative_to(root).as_posix() for file in files]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("raw/b.jsonl", "raw/.hidden.jsonl", "raw/deep/a.jsonl", "raw.d/c.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}\n")
    return tmp_path


def test_a_folder_stands_for_all_files_in_it_but_hidden_ones(folder: Path) -> None:
    assert found("raw", folder) == ["raw/b.jsonl", "raw/deep/a.jsonl"]


def test_a_pattern_stands_for_files_and_not_for_folders(folder: Path) -> None:
    assert found("raw/*", folder) == ["raw/b.jsonl"]
    assert found("raw*/*.jsonl", folder) == ["raw/b.jsonl", "raw.d/c.jsonl"]
    assert found("raw/**/*.jsonl", folder) == ["raw/b.jsonl", "raw/deep/a.jsonl"]
    with pytest.raises(DataError, match="there is no file"):
        found("ra*", folder)


def test_a_file_may_be_hidden_and_may_look_like_a_pattern(folder: Path) -> None:
    (folder / "a[1].jsonl").write_text("{}\n")
    (folder / "a1.jsonl").write_text("{}\n")
    assert found("raw/.hidden.jsonl", folder) == ["raw/.hidden.jsonl"]
    assert found("a[1].jsonl", folder) == ["a[1].jsonl"]


def test_paths_may_be_absolute_or_name_variables_and_the_home_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEWELL_TEST_DATA", str(folder))
    monkeypatch.setenv("HOME", str(folder))
    for path in (str(folder / "raw/b.jsonl"), "${TUNEWELL_TEST_DATA}/raw/b.jsonl", "~/raw/b.jsonl"):
        [file] = find_files(DataSource(path=path), root=Path("/nowhere"))
        assert os.path.samefile(file, folder / "raw/b.jsonl")


def test_a_plan_speaks_of_the_files_that_the_run_reads(project: MakeDefinition) -> None:
    files: dict[str, list[dict[str, object]] | str | bytes] = {
        "raw/b.jsonl": ROWS,
        "raw/.hidden.jsonl": ROWS,
        "raw/deep/a.jsonl": ROWS,
        "more.d/c.jsonl": ROWS,
        "more.jsonl": ROWS,
        "test.jsonl": ROWS,
    }
    data = 'data: [{path: raw}, {path: "more*"}, {path: test.jsonl, role: test}]\n'
    file = project(files, data=data)
    planned = [path.relative_to(file.root).as_posix() for path in _files_of(file)]
    assert planned == list(read(file).files)
    assert planned == ["raw/b.jsonl", "raw/deep/a.jsonl", "more.jsonl", "test.jsonl"]
    assert [path.name for path in _files_of(file, "test")] == ["test.jsonl"]


def test_each_source_comes_with_the_line_that_names_it(project: MakeDefinition) -> None:
    file = project({"a.jsonl": ROWS}, data="data:\n  - path: a.jsonl\n  - path: nothing.jsonl\n")
    assert [where for _, where in sources_of(file)] == ["tunewell.yaml:7", "tunewell.yaml:8"]
    with pytest.raises(DataError, match="nothing") as raised:
        list(_files_of(file))
    assert raised.value.place == "tunewell.yaml:8"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "asked,said\nWhy?,So.\nHow?,Thus.\n"),
        ("a.tsv", "asked\tsaid\nWhy?\tSo.\nHow?\tThus.\n"),
        ("a.jsonl", '{"asked": "Why?"}\n{"asked": "How?"}\n'),
    ],
)
def test_a_plan_counts_rows_and_no_header(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert _rows(path) == 2
