"""A project whose rows are made-up words, augmented by a writer at an address.

``python -m tunewell.testing.made_up FOLDER URL TIMEOUT_S ROWS WANTED…`` augments in a folder: a
process of its own, so that it can be killed.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tunewell.augment import Augmented, Generator, Wanted, augment
from tunewell.augment.generate import Watcher
from tunewell.model.budget import RequestPolicy
from tunewell.model.endpoint import EndpointModel
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import AugmentCell, GeneratorSpec, TaskFile, parse_task
from tunewell.testing.planted import text
from tunewell.types import Assignment, Dataset, Example, Message, Split

MADE_UP_TASK: Final = """
task:
  name: made-up
  about: Answers what people ask in a language that nobody speaks.
  input: a question
  output: an answer
  must_not: ["as an AI"]
  language: la
data: [{path: rows.jsonl}]
slices: [{field: region}]
"""

SECTION: Final = "augment: {tries: 12, temperature: 0, seed: 3}"

PARTS: Final = ("fold-0", "fold-1", "fold-0", "fold-1", "test", "review")


def made_up_task(
    more: str = "",
    *,
    section: str = SECTION,
) -> TaskFile:
    """The definition, with further lines."""
    return parse_task(
        f"{MADE_UP_TASK}{section}\n{more}",
        path=Path("tunewell.yaml"),
        environment={},
    )


def made_up_row(
    id: str,
    asked: str,
    answer: str,
    **fields: object,
) -> Example:
    """A row of one question."""
    turns = (Message(role="user", content=asked), Message(role="assistant", content=answer))
    return Example.model_validate({"id": id, "messages": turns, **fields})


def made_up_rows(
    count: int,
    *,
    seed: int = 0,
    words: int = 40,
) -> list[Example]:
    """Rows of made-up words, no two alike."""
    luck = random.Random(seed)
    rows = []
    for i in range(count):
        region = "north" if i % 3 else "south"
        asked, answer = text(luck, words), text(luck, words // 2)
        rows.append(made_up_row(f"row-{i:04}", asked, answer, tags={"region": region}))
    return rows


def put_made_up(
    store: Store,
    rows: Sequence[Example],
    *,
    parts: Sequence[str] = PARTS,
) -> tuple[Dataset, Split]:
    """A dataset of the rows, and a split that deals them to the parts in turn."""
    assignments = []
    for i, each in enumerate(rows):
        part = parts[i % len(parts)]
        assignments.append(Assignment(id=each.id, family=each.id, part=part))
    examples = store.put_examples(rows)
    dataset = Dataset(
        id="d" * 64,
        rows=len(rows),
        examples=examples,
        receipts="",
    )
    split = Split(
        dataset=dataset.id,
        folds=2,
        seed=0,
        assignments=tuple(assignments),
    )
    return dataset, split


def writer_at(
    url: str,
    *,
    in_flight: int = 8,
    timeout_s: float = 1.0,
) -> Generator:
    """A generator behind an address."""
    spec = GeneratorSpec(
        model="writer",
        url=url,
        in_flight=in_flight,
    )
    policy = RequestPolicy(
        in_flight=in_flight,
        timeout_s=timeout_s,
        retries=2,
    )
    return Generator(
        spec,
        EndpointModel("writer", base_url=url, policy=policy),
    )


def cells_of_rows(*rows: int) -> tuple[AugmentCell, ...]:
    """Cells named a, b, c … that want so many rows."""
    names = "abcdefghijklmnop"[: len(rows)]
    cells = []
    for name, count in zip(names, rows, strict=True):
        cells.append(AugmentCell(name=name, rows=count, vary=("words",)))
    return tuple(cells)


def augment_made_up(
    folder: Path,
    rows: Sequence[Example],
    wanted: Wanted,
    *,
    more: str = "",
    section: str = SECTION,
    watch: Watcher | None = None,
) -> Augmented:
    """Augment in a folder."""
    folder.mkdir(exist_ok=True)
    with Store(folder) as store:
        dataset, split = put_made_up(store, rows)
        project = Project(made_up_task(more, section=section), store)
        return augment(dataset, split, project, wanted, watch=watch)


def main() -> None:
    """Augment in a folder, and print the digest of the accepted rows."""
    folder, url, timeout_s, rows, *wanted = sys.argv[1:]
    writers = [writer_at(url, in_flight=16, timeout_s=float(timeout_s))]
    cells = cells_of_rows(*map(int, wanted))
    made = augment_made_up(Path(folder), made_up_rows(int(rows)), Wanted(cells, writers))
    sys.stdout.write(f"{made.content}\n")


if __name__ == "__main__":
    main()
