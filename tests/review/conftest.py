"""A small evaluated project (that of the web tests), and people's words on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.web.world import make_project
from tunewell.people import Batch, Item, Said, WorkStore
from tunewell.project import Project
from tunewell.review import CalibrationRow, ReviewPlan, newest_evaluation, open_review
from tunewell.store import Store
from tunewell.task import TaskFile


@dataclass
class Desk:
    """A project with an evaluation of ``prompted`` and ``tuned`` on 24 rows."""

    file: TaskFile
    store: Store

    @property
    def book(self) -> WorkStore:
        return WorkStore(self.store)

    def review(
        self, *people: str, rows: int = 24, calibration: tuple[CalibrationRow, ...] = ()
    ) -> Batch:
        evaluation, examples = newest_evaluation(self.store)
        plan = ReviewPlan(author="owner", arms=("prompted", "tuned"), rows=rows)
        batch = open_review(
            Project(self.file, self.store),
            evaluation,
            examples,
            plan,
            calibration=calibration,
        )
        self.book.share(batch, people)
        return batch

    def judge(
        self, batch: Batch, person: str, say: Callable[[Item], Said], *, most: int = 1000
    ) -> int:
        """A person works the queue off; returns how many items that were."""
        items = self.book.next_items(batch.id, person, limit=most)
        for item in items:
            self.book.write(
                say(item), item=item, batch=batch, account=person, key=item.id, seconds=10
            )
        return len(items)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    file, store = make_project(tmp_path / "desk")
    yield Desk(file, store)
    store.close()
