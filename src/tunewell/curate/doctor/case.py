"""The file under examination: its rows, what was seen in each, and what to call them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tunewell.curate import clean, repeats
from tunewell.curate.read import ReadResult, read_source, settle_ids
from tunewell.curate.rows import InputRow, Ledger, clip
from tunewell.engine import Engine
from tunewell.errors import DataError
from tunewell.task import DataSource, Rules, TaskFile, TaskSection, TaskSpec

MOST = 100_000
"""Row ids kept in a finding."""


@dataclass
class Case:
    """The file under examination.

    Attributes:
        rows: What could be read.
        tests: Rows of the evaluation file.
        batch: Everything that was read, rejects included.
        file: The definition.
        given: Whether the user gave it.
        looking: What every row shows by itself, in the making: other processes look while this one
            compares rows.
        names: What to call a row, by its id.
        examples: By pitfall, the worst rows in a line each.
    """

    rows: list[InputRow]
    tests: list[InputRow]
    batch: ReadResult
    file: TaskFile
    given: bool
    looking: Future[list[clean.Seen]]
    names: dict[str, str]
    examples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def looked(self) -> list[clean.Seen]:
        """What every row shows by itself."""
        return self.looking.result()

    @functools.cached_property
    def likeness(self) -> tuple[list[list[InputRow]], list[list[InputRow]]]:
        """Families of edited copies and of templates, among rows of which each stands once."""
        copies = {id(row) for family in repeats.same(self.rows) for row in family[1:]}
        return repeats.likeness([row for row in self.rows if id(row) not in copies])

    @property
    def read(self) -> int:
        """Input rows."""
        return self.batch.read

    def ids(self, rows: Sequence[InputRow]) -> tuple[str, ...]:
        """What to call the rows."""
        return tuple(self.names.get(row.id, row.id) for row in rows[:MOST])

    def show(
        self, code: str, rows: Sequence[InputRow], note: Callable[[InputRow], str] = lambda _row: ""
    ) -> None:
        """Keep the first rows of a finding in a line each."""
        self.examples[code] = [
            f"{self.ids([r])[0]}: {clip(' · '.join(filter(None, (note(r), f'{r.input} → {r.target}'))), 110)}"
            for r in rows[:3]
        ]


def definition(path: Path, task: TaskFile | None) -> TaskFile:
    """The project's definition, or one without any rule but the built-in ones."""
    if task is not None:
        return task
    section = TaskSection(
        name="doctor", about="a file that is looked at", input="any", output="any"
    )
    report = Rules(max_reject_share=1.0)
    return TaskFile(
        spec=TaskSpec(task=section, data=(DataSource(path=str(path.resolve())),), rules=report),
        path=path,
    )


def source_of(path: Path, task: TaskFile | None, role: str) -> DataSource:
    """How to read the file: as the definition says if it names this file, else by looking."""
    for source in task.spec.data if task else ():
        named = task.root / source.path if task else path
        if named.resolve() == path.resolve() or named.name == path.name:
            return source.model_copy(update={"path": str(path.resolve()), "role": role})
    return DataSource.model_validate({"path": str(path.resolve()), "role": role})


@contextlib.contextmanager
def examine(path: Path, evaluation: Path | None, task: TaskFile | None) -> Iterator[Case]:
    """Read a file, and begin to look at every row by itself.

    Raises:
        DataError: Nothing can be read.
    """
    file = definition(path, task)
    batch = ReadResult()
    read_source(source_of(path, task, "train"), root=path.resolve().parent, batch=batch)
    if not batch.rows:
        first = (
            f" (first: {batch.rejects[0].place}: {batch.rejects[0].why})" if batch.rejects else ""
        )
        raise DataError(
            f"none of {batch.read} input rows of {path} can be read{first}",
            hint="give --task FILE with data.fields that name your columns",
        )
    tests = ReadResult()
    if evaluation is not None:
        read_source(
            source_of(evaluation, task, "test"), root=evaluation.resolve().parent, batch=tests
        )
        if not tests.rows:
            raise DataError(
                f"no row of {evaluation} can be read", hint="check the file given with --eval"
            )
    names = _names(batch, path) | _names(tests, evaluation or path)
    for each in (batch, tests):
        own = [row.id for row in each.rows]
        settle_ids(each, Ledger())
        names |= {row.id: name for row, name in zip(each.rows, own, strict=True) if row.id != name}
    rules = file.spec.rules
    wanted = clean.Wanted(
        languages=True, raw=True, recogniser=rules.recogniser, root=str(file.root)
    )
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(clean.look, batch.rows, wanted, Engine(file.spec.engine))
        yield Case(batch.rows, tests.rows, batch, file, task is not None, looking, names)


def _names(batch: ReadResult, path: Path) -> dict[str, str]:
    """What to call a row: its own id, else ``line:N`` (with the file's name where there are several)."""
    several = len(batch.files) > 1 or path.is_dir()
    places = [row.place for row in batch.rows] + [reject.place for reject in batch.rejects]
    return {place: place if several else f"line:{place.rsplit(':', 1)[1]}" for place in places}
