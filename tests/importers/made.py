"""What the tests of the importers share: sources on disk, and the projects they become."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tunewell.curate.reading.read import ReadResult, read_source
from tunewell.importers import ImportedProject, import_project
from tunewell.importers.source_files import read_value
from tunewell.importers.source_keys import is_covered, leaves
from tunewell.metrics import Metric, build_metrics
from tunewell.task import TaskFile, load_task
from tunewell.types import Example, Unscored


@dataclass(frozen=True)
class Made:
    """An imported project, read back from its folder."""

    result: ImportedProject
    file: TaskFile
    folder: Path

    def line(self, key: str) -> tuple[str, str]:
        """What became of a key, and where it is now."""
        found = [(line.fate, line.to) for line in self.result.lines if line.key == key]
        assert len(found) == 1, (key, found)
        return found[0]

    def why(self, key: str) -> str:
        """What the line of a key says."""
        return next(line.why for line in self.result.lines if line.key == key)

    def metrics(self) -> dict[str, Metric]:
        """The metrics of the project by name."""
        return {metric.name: metric for metric in build_metrics(self.file)}

    def rows(self) -> list[Example]:
        """The rows of the project, read as curation reads them."""
        batch = ReadResult()
        for source in self.file.spec.data:
            read_source(source, root=self.folder, batch=batch)
        assert not batch.rejects
        return [row.example() for row in batch.rows]

    def value(self, metric: str, output: str, row: Example) -> float:
        """The value of an output."""
        found = self.metrics()[metric](output, row, task=self.file.spec)
        assert not isinstance(found, Unscored), found.reason
        return found.value


def write(path: Path, value: Any) -> Path:
    """Write a value in the form that the file's name says; text as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(value, str):
        text = value
    elif path.suffix in {".yaml", ".yml"}:
        text = yaml.safe_dump(value, sort_keys=False)
    elif path.suffix == ".jsonl":
        text = "".join(json.dumps(each) + "\n" for each in value)
    else:
        text = json.dumps(value)
    path.write_text(text, encoding="utf-8")
    return path


def made(source: Path, folder: Path, **options: Any) -> Made:
    """Import a source, and hold that it validates."""
    result = import_project(source, folder, **options)
    return Made(result, load_task(folder), folder)


def ignored(source: Path, result: ImportedProject) -> list[str]:
    """Keys of a source that have no line."""
    noted = [line.key for line in result.lines]
    return [key for key, _ in leaves(read_value(source)) if not is_covered(key, noted)]
