"""What is said of rows that are in memory: no file that the user never saw is named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tunewell.curate.doctor import Remedies
from tunewell.errors import DataError
from tunewell.notebook.row_values import NAME, PathLike, RowFiles
from tunewell.task import FieldMap, TaskFile, load_task

_WRITTEN: Final = rf"{NAME}\.(?:jsonl|parquet)"
_LINE: Final = re.compile(rf"(?:line|{_WRITTEN}):(\d+)")
_LINE_FIRST: Final = re.compile(rf"^(?:line|{_WRITTEN}):(\d+)(?=: )")
_FILE: Final = re.compile(rf"(?:\S*/)?{_WRITTEN}(?::(\d+))?")
_OPTIONS: Final = "--input"
_DEFINITION: Final = "correct data[].fields"


class ValueRemedies(Remedies):
    """The remedies for rows in memory: a line of Python, or a file to begin a project with."""

    def init(self) -> str:
        """Begin a project with these rows."""
        return f"save the rows as {NAME}.jsonl, then: tunewell init NEW-FOLDER --data {NAME}.jsonl"

    def with_evaluation(self) -> str:
        """The same once more, with rows that must not be leaked."""
        return f"tunewell.doctor({NAME}, eval=test_rows)"

    def fix(self) -> str:
        """What is left of the rows after curation."""
        evaluation = ", eval=test_rows" if self.evaluation else ""
        columns = {"input": self.fields.input, "target": self.fields.target}
        named = "".join(f", {key}={name!r}" for key, name in columns.items() if name)
        return f"tunewell.fix({NAME}{evaluation}{named})"


def remedies_for(
    files: RowFiles,
    fields: FieldMap,
    task: TaskFile | None,
) -> Remedies | None:
    """The remedies for rows in memory; None for files, which have names to type."""
    if not files.in_memory:
        return None
    return ValueRemedies(files.paths, files.evaluation, fields, task)


def fields_named(asked: str, answered: str) -> FieldMap:
    """The columns that the user named."""
    named: Mapping[str, str] = {"input": asked, "target": answered}
    return FieldMap.model_validate({key: value for key, value in named.items() if value})


def definition_at(task: PathLike | None) -> TaskFile | None:
    """The definition in a file; None without one."""
    return load_task(Path(task)) if task is not None else None


@contextmanager
def as_values(files: RowFiles) -> Iterator[None]:
    """Errors within this name rows in memory by their place in the list, and options as Python.

    Raises:
        DataError: What was raised within, so named.
    """
    try:
        yield
    except DataError as error:
        if not files.in_memory:
            raise
        call = f"tunewell.doctor({NAME}, input='QUESTION', target='ANSWER')"
        hint = error.hint.replace(_DEFINITION, call)
        raise DataError(
            _without_files(error.message),
            place=_without_files(error.place),
            hint=f"name the columns: {call}" if _OPTIONS in hint else _without_files(hint),
        ) from None


def as_named(value: Any) -> Any:
    """A value in which rows are called ``rows[0]`` rather than ``line:1``."""
    if isinstance(value, str):
        return _LINE.sub(_index, value) if _LINE.fullmatch(value) else value
    if isinstance(value, Mapping):
        return {key: as_named(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return tuple(map(as_named, value))
    if isinstance(value, list):
        return list(map(as_named, value))
    return value


def lines_named(lines: Sequence[str]) -> tuple[str, ...]:
    """Lines that begin with the row that they show."""
    return tuple(_LINE_FIRST.sub(_index, line) for line in lines)


def _without_files(text: str) -> str:
    return _FILE.sub(lambda m: f"{NAME}[{int(m[1]) - 1}]" if m[1] else NAME, text)


def _index(match: re.Match[str]) -> str:
    return f"{NAME}[{int(match[1]) - 1}]"
