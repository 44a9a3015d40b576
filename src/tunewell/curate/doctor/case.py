"""The file under examination: its rows, what was seen in each, and what to call them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import (
    Callable,
    Iterator,
    Sequence,
)
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tunewell.curate import duplicates, row_checks
from tunewell.curate.reading.read import (
    ReadResult,
    read_source,
    settle_ids,
)
from tunewell.curate.receipts import Ledger
from tunewell.curate.rows import (
    Families,
    InputRow,
    clip,
    ids_of,
    members_of,
)
from tunewell.engine import Engine
from tunewell.errors import DataError
from tunewell.task import (
    DataSource,
    Rules,
    TaskFile,
    TaskSection,
    TaskSpec,
)

MOST = 100_000
"""Row ids kept in a finding."""

_SHOWN = 3
"""Rows shown of a finding."""

_SHOWN_CHARACTERS = 110


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
    looking: Future[list[row_checks.RowLook]]
    names: dict[str, str]
    examples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def looked(self) -> list[row_checks.RowLook]:
        """What every row shows by itself."""
        return self.looking.result()

    @functools.cached_property
    def likeness(self) -> tuple[Families, Families]:
        """Families of edited copies and of templates, among rows of which each stands once."""
        repeated = ids_of(members_of(duplicates.same(self.rows), but=1))
        once = {row.id: row for row in self.rows}
        for row in repeated:
            del once[row]
        return duplicates.likeness(list(once.values()))

    @property
    def read(self) -> int:
        """Input rows."""
        return self.batch.read

    def rejects(self) -> list[str]:
        """What to call the lines that are no rows."""
        return [self.names[reject.place] for reject in self.batch.rejects]

    def name(self, row: InputRow) -> str:
        """What to call a row."""
        return self.names.get(row.id, row.id)

    def ids(self, rows: Sequence[InputRow]) -> tuple[str, ...]:
        """What to call the rows."""
        return tuple(self.name(row) for row in rows[:MOST])

    def families(self, families: Sequence[Sequence[InputRow]]) -> tuple[tuple[str, ...], ...]:
        """What to call the rows of each family."""
        return tuple(self.ids(family) for family in families)

    def show(
        self,
        code: str,
        rows: Sequence[InputRow],
        note: Callable[[InputRow], str] = lambda _row: "",
    ) -> None:
        """Keep the first rows of a finding in a line each.

        Args:
            code: The pitfall.
            rows: The rows.
            note: What to say of a row before its text.
        """
        lines = []
        for row in rows[:_SHOWN]:
            parts = [note(row), f"{row.input} → {row.target}"]
            text = clip(" · ".join(filter(None, parts)), _SHOWN_CHARACTERS)
            lines.append(f"{self.name(row)}: {text}")
        self.examples[code] = lines

    def probe(self) -> list[InputRow]:
        """Copies of the rows, for rules that drop or date them.

        They are training rows that nothing has dropped.
        """
        found = []
        for row in self.rows:
            copy = row.copy()
            copy.dropped = copy.held = False
            found.append(copy)
        return found


def definition(path: Path, task: TaskFile | None) -> TaskFile:
    """The project's definition, or one without any rule but the built-in ones."""
    if task is not None:
        return task
    section = TaskSection(
        name="doctor",
        about="a file that is looked at",
        input="any",
        output="any",
    )
    spec = TaskSpec(
        task=section,
        data=(DataSource(path=str(path.resolve())),),
        rules=Rules(max_reject_share=1.0),
    )
    return TaskFile(spec=spec, path=path)


def source_of(
    path: Path,
    task: TaskFile | None,
    role: str,
) -> DataSource:
    """How to read the file: as the definition says if it names this file, else by looking."""
    resolved = path.resolve()
    read_as = {"path": str(resolved), "role": role}
    if task is not None:
        for source in task.spec.data:
            named = task.root / source.path
            if named.resolve() == resolved or named.name == path.name:
                return source.model_copy(update=read_as)
    return DataSource.model_validate(read_as)


def read_file(
    path: Path,
    task: TaskFile | None,
    role: str,
    batch: ReadResult,
) -> None:
    """Read one file into a batch, as the definition says."""
    source = source_of(path, task, role)
    read_source(source, root=path.resolve().parent, batch=batch)


@contextlib.contextmanager
def examine(
    path: Path,
    evaluation: Path | None,
    task: TaskFile | None,
) -> Iterator[Case]:
    """Read a file, and begin to look at every row by itself.

    Raises:
        DataError: Nothing can be read.
    """
    batch = ReadResult()
    read_file(path, task, "train", batch)
    batch.require_rows(
        f"none of {batch.read} input rows of {path} can be read",
        hint="give --task FILE with data.fields that name your columns",
    )
    tests = ReadResult()
    if evaluation is not None:
        read_file(evaluation, task, "test", tests)
        if not tests.rows:
            raise DataError(
                f"no row of {evaluation} can be read",
                hint="check the file given with --eval",
            )
    names = _names(batch, path) | _names(tests, evaluation or path)
    names |= _names_of_repeated_ids(batch)
    names |= _names_of_repeated_ids(tests)

    file = definition(path, task)
    checks = row_checks.RowChecks(
        languages=True,
        raw=True,
        recogniser=file.spec.rules.recogniser,
        root=str(file.root),
    )
    with ThreadPoolExecutor(1) as pool:
        engine = Engine(file.spec.engine)
        looking = pool.submit(row_checks.look, batch.rows, checks, engine)
        yield Case(
            rows=batch.rows,
            tests=tests.rows,
            batch=batch,
            file=file,
            given=task is not None,
            looking=looking,
            names=names,
        )


def _names(batch: ReadResult, path: Path) -> dict[str, str]:
    """What to call a row: its own id, else ``line:N``.

    With the file's name where there are several.
    """
    several = len(batch.files) > 1 or path.is_dir()
    names: dict[str, str] = {}
    for place in batch.places():
        _, _, line = place.rpartition(":")
        names[place] = place if several else f"line:{line}"
    return names


def _names_of_repeated_ids(batch: ReadResult) -> dict[str, str]:
    """Make ids unique, and call each row by the id that it had."""
    own = [row.id for row in batch.rows]
    settle_ids(batch, Ledger())
    found: dict[str, str] = {}
    for row, name in zip(batch.rows, own, strict=True):
        if row.id != name:
            found[row.id] = name
    return found
