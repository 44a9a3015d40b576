"""The file under examination: its rows, what was seen in each, and what to call them."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import (
    Callable,
    Iterator,
    Sequence,
)
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tunewell.curate import duplicates, row_checks
from tunewell.curate.doctor.remedies import Remedies
from tunewell.curate.heard import HeardCopies, with_clip_faults
from tunewell.curate.reading.data_files import held_out_among
from tunewell.curate.reading.formats import UNKNOWN
from tunewell.curate.reading.guess import guess_columns, hint_of
from tunewell.curate.reading.read import (
    ReadResult,
    read_source,
    settle_ids,
)
from tunewell.curate.reading.records import records
from tunewell.curate.receipts import Ledger
from tunewell.curate.rows import (
    InputRow,
    clip,
    ids_of,
    members_of,
)
from tunewell.errors import DataError
from tunewell.similar.in_parts import Workplace
from tunewell.task import (
    DataSource,
    FieldMap,
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
        remedies: What to do about each pitfall.
        examples: By pitfall, the worst rows in a line each.
    """

    rows: list[InputRow]
    tests: list[InputRow]
    batch: ReadResult
    file: TaskFile
    given: bool
    looking: Future[list[row_checks.RowLook]]
    names: dict[str, str]
    remedies: Remedies
    examples: dict[str, list[str]] = field(default_factory=dict)

    @functools.cached_property
    def looked(self) -> list[row_checks.RowLook]:
        """What every row shows by itself."""
        return with_clip_faults(self.rows, self.looking.result(), self.batch.clips)

    @functools.cached_property
    def heard_again(self) -> HeardCopies:
        """Rows that are heard in the same recording."""
        return HeardCopies.among([*self.tests, *self.rows], self.batch.clips)

    @functools.cached_property
    def likeness(self) -> duplicates.Likeness:
        """Copies, templates and what may be the same, among rows of which each stands once."""
        repeated = ids_of(members_of(duplicates.same(self.rows), but=1))
        once = {row.id: row for row in self.rows}
        for row in repeated:
            del once[row]
        return duplicates.likeness(list(once.values()), self.place)

    @functools.cached_property
    def place(self) -> Workplace:
        """Where many rows are compared part by part."""
        return Workplace.of(self.file)

    @property
    def read(self) -> int:
        """Input rows that are to be trained on, those that cannot be read included."""
        return len(self.rows) + len(self.batch.rejects)

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


def source_of(path: Path, task: TaskFile | None, role: str) -> DataSource:
    """How to read the file: as the definition says if it names this file, else by looking."""
    resolved = path.resolve()
    read_as = {"path": str(resolved)}
    if task is not None:
        for source in task.spec.data:
            named = task.root / source.path
            if named.resolve() == resolved or named.name == path.name:
                # A role that nobody gave stays open: a file of a folder may be called a test set.
                own = {} if source.role == role else {"role": role}
                return source.model_copy(update={**read_as, **own})
    if role == "test":
        read_as["role"] = role
    return DataSource.model_validate(read_as)


NO_FIELDS = FieldMap()


@dataclass(frozen=True)
class Examined:
    """What is to be looked at.

    Attributes:
        paths: Files or folders of training rows.
        evaluation: Rows that must not be leaked.
        task: The project's definition.
        fields: Columns and roles that the user names.
        own_remedies: What to do about findings, where the files have no names to type.
    """

    paths: tuple[Path, ...]
    evaluation: Path | None = None
    task: TaskFile | None = None
    fields: FieldMap = NO_FIELDS
    own_remedies: Remedies | None = None

    @classmethod
    def of(
        cls,
        path: Path | Sequence[Path],
        evaluation: Path | None = None,
        task: TaskFile | None = None,
        fields: FieldMap | None = None,
        remedies: Remedies | None = None,
    ) -> Examined:
        """Of one path or several."""
        paths = (path,) if isinstance(path, Path) else tuple(path)
        return cls(paths, evaluation, task, fields or NO_FIELDS, remedies)

    @property
    def called(self) -> str:
        """What messages call it."""
        return ", ".join(map(str, self.paths))

    @property
    def remedies(self) -> Remedies:
        """What to do about what is found."""
        if self.own_remedies is not None:
            return self.own_remedies
        return Remedies(self.paths, self.evaluation, self.fields, self.task)

    def definition(self) -> TaskFile:
        """The project's definition, or one without any rule but the built-in ones."""
        return definition(self.paths[0], self.task)

    def source_of(self, path: Path, *, is_test: bool = False) -> DataSource:
        """How to read a file."""
        source = source_of(path, self.task, "test" if is_test else "train")
        named = self.task is not None and source.fields != NO_FIELDS
        return source if named else source.model_copy(update={"fields": self.fields})

    def read(self) -> ReadResult:
        """The training files; where columns are unknown, they are guessed.

        A file among several that is called a test set is one.

        Raises:
            DataError: Nothing can be read.
        """
        batch = ReadResult()
        tests = held_out_among(self.paths)
        for path in self.paths:
            is_test = path in tests
            if is_test:
                batch.notes.append(f"{path} has the name of a test set and is read as one")
            self._read_path(path, batch, is_test=is_test)
        batch.require_rows(
            f"none of {batch.read} input rows of {self.called} can be read",
            hint="name your columns: tunewell doctor FILE --input QUESTION --target ANSWER",
        )
        return batch

    def _read_path(self, path: Path, batch: ReadResult, *, is_test: bool) -> None:
        source = self.source_of(path, is_test=is_test)
        root = path.resolve().parent
        mine = ReadResult()
        read_source(source, root=root, batch=mine)
        guess = self._guess(path, mine) if source.fields == NO_FIELDS else None
        if guess is not None:
            asked, answered = guess
            fields = FieldMap(input=asked, target=answered)
            again = ReadResult()
            read_source(source.model_copy(update={"fields": fields}), root=root, batch=again)
            if len(again.rows) > len(mine.rows):
                mine = again
                mine.notes.append(
                    f"{path.name}: guessed that {asked!r} is the question and {answered!r} the "
                    f"answer; to name them yourself: {hint_of(asked, answered)}"
                )
        batch.take(mine)

    def _guess(self, path: Path, batch: ReadResult) -> tuple[str, str] | None:
        """The columns of a file none of whose rows has a known format."""
        unknown = [reject for reject in batch.rejects if reject.why.startswith(UNKNOWN)]
        if batch.rows or not unknown or not path.is_file():
            return None
        found = itertools.islice(records(path.resolve()), _GUESSED_FROM)
        values = [record.value for record in found if isinstance(record.value, dict)]
        return guess_columns(values)

    def read_tests(self) -> ReadResult:
        """The evaluation file.

        Raises:
            DataError: Nothing can be read.
        """
        batch = ReadResult()
        if self.evaluation is None:
            return batch
        path = self.evaluation
        source = self.source_of(path, is_test=True)
        read_source(source, root=path.resolve().parent, batch=batch)
        batch.require_rows(
            f"no row of {path} can be read",
            hint="check the file given with --eval",
        )
        return batch


_GUESSED_FROM = 200
"""Records by which columns are guessed."""


@contextlib.contextmanager
def examine(examined: Examined) -> Iterator[Case]:
    """Read files, and begin to look at every row by itself.

    Raises:
        DataError: Nothing can be read.
    """
    batch = examined.read()
    tests = examined.read_tests()
    batch.clips.take(tests.clips)
    several = len(batch.files) > 1 or examined.paths[0].is_dir()
    names = _names(batch, several=several) | _names(tests, several=len(tests.files) > 1)
    names |= _names_of_repeated_ids(batch)
    names |= _names_of_repeated_ids(tests)
    training = [row for row in batch.rows if not row.held]
    if not training:
        raise DataError(
            f"every row of {examined.called} belongs to a test set",
            hint="give the training rows first, and the test rows with --eval",
        )
    held = [row for row in batch.rows if row.held]

    file = examined.definition()
    checks = row_checks.RowChecks(
        languages=True,
        raw=True,
        recogniser=file.spec.rules.recogniser,
        root=str(file.root),
    )
    with ThreadPoolExecutor(1) as pool:
        engine = Workplace.of(file).engine
        looking = pool.submit(row_checks.look, training, checks, engine)
        yield Case(
            rows=training,
            tests=[*held, *tests.rows],
            batch=batch,
            file=file,
            given=examined.task is not None,
            looking=looking,
            names=names,
            remedies=examined.remedies,
        )


def _names(batch: ReadResult, *, several: bool) -> dict[str, str]:
    """What to call a row: its own id, else ``line:N``.

    With the file's name where there are several.
    """
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
