"""Which files a data source names: what is read, and what a plan speaks of."""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path

from tunewell.errors import DataError
from tunewell.task import DataSource

_VARIABLE = re.compile(r"\$\{?(\w+)\}?")


def find_files(source: DataSource, *, root: Path, where: str = "") -> list[Path]:
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
    if path.is_file():
        return [path]
    if path.is_dir():
        visible = [inside for inside in path.rglob("*") if not inside.name.startswith(".")]
        return [inside for inside in visible if inside.is_file()]
    matched = [Path(name) for name in glob.glob(str(path), recursive=True)]
    return [match for match in matched if match.is_file()]
