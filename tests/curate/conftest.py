from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tunewell.store import Store
from tunewell.task import TaskFile, parse_task

HEAD = """\
task:
  name: desk
  about: answers of a small service desk
  input: a question
  output: an answer
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


Project = Callable[..., TaskFile]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Write files and give the definition that reads them: ``project({"a.jsonl": rows})``."""

    def make(
        files: dict[str, list[dict[str, Any]] | str | bytes], rest: str = "", data: str = ""
    ) -> TaskFile:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, list):
                content = "".join(json.dumps(row) + "\n" for row in content)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        sources = data or "data:\n" + "".join(f"  - path: {name}\n" for name in files)
        return parse_task(
            HEAD + textwrap.dedent(sources) + textwrap.dedent(rest),
            path=tmp_path / "tunewell.yaml",
            environment={},
        )

    return make


def pair(asked: str, answer: str, **more: Any) -> dict[str, Any]:
    return {"prompt": asked, "completion": answer, **more}
