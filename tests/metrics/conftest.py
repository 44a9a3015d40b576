from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from tunewell.task import TaskFile, parse_task
from tunewell.types import Example, Message

settings.register_profile("unhurried", deadline=None)  # a busy machine is no fault
settings.load_profile("unhurried")

TASK = """
task:
  name: desk
  about: Answers questions of an energy supplier's customers.
  input: a question
  output: an answer
  must_not: ["as an AI", '/\\b0900\\d+/']
data: [{path: rows.jsonl}]
"""


@pytest.fixture
def define(tmp_path: Path) -> Callable[..., TaskFile]:
    def make(text: str = "", base: str = TASK) -> TaskFile:
        return parse_task(base + text, path=tmp_path / "tunewell.yaml", environment={})

    return make


def row(user: str, target: str, *, name: str = "r1", **tags: str) -> Example:
    messages = (Message(role="user", content=user), Message(role="assistant", content=target))
    return Example(id=name, messages=messages, tags=tags)
