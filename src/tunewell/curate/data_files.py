"""Which files a data source names: what is read, and what a plan speaks of."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path

from tunewell.errors import DataError
from tunewell.task import DataSource, TaskFile

ROLES = ("train", "test")
"""What data is for."""

_VARIABLE = re.compile(r"\$\{?(\w+)\}?")


def sources_of(file: TaskFile, *roles: str) -> Iterator[tuple[DataSource, str]]:
    """The data sources of these roles (all, if none is named), each with the line that names it."""
    for i, source in enumerate(file.spec.data):
        if source.role in (roles or ROLES):
            yield source, file.where(f"data.{i}.path")


def find_files(
    source: DataSource,
    *,
    root: Path,
    where: str = "",
) -> list[Path]:
    """The files of a source, sorted.

    A folder stands for all files in it but hidden ones; a pattern stands for the files that it
    matches, not for folders.

    Args:
        source: Its path is a file, a folder or a pattern.
        root: Folder that relative paths start from.
        where: Line of tunewell.yaml that named the source.

    Raises:
        DataError: A variable is not set, or nothing is there.
    """
    for name in _VARIABLE.findall(source.path):
        if name not in os.environ:
            raise DataError(
                f"${name} in the path {source.path!r} is not set",
                place=where,
                hint=f"export {name}=/path/to/data",
            )
    path = root / Path(os.path.expandvars(source.path)).expanduser()
    found = _files_at(path)
    if not found:
        raise DataError(
            f"there is no file {path}",
            place=where,
            hint="check data.path in tunewell.yaml",
        )
    return sorted(found)


def _files_at(path: Path) -> list[Path]:
    if path.is_dir():
        inside = path.rglob("*")
        return [found for found in inside if found.is_file() and not found.name.startswith(".")]
    if path.is_file():
        return [path]
    matched = map(Path, glob.glob(str(path), recursive=True))
    return list(filter(Path.is_file, matched))
