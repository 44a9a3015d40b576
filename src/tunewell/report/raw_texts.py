"""Texts of raw rows by their place, for rows that are in no dataset because they were dropped."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Final

from tunewell.store.files import file_digest
from tunewell.task import TaskFile

_LARGEST_FILE: Final = 256 << 20
_LONGEST_LINE: Final = 1 << 20
_LONGEST_OBJECT: Final = 60
"""Lines of a pretty-printed JSON object."""


def texts_at(
    places: Iterable[str], file: TaskFile, *, digests: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The texts of raw rows, as far as their files can still be read.

    Each file is passed over once.

    Args:
        places: ``file:line``, relative to the project or absolute; only files under the project or
            beside the data that the definition names are opened.
        file: The definition.
        digests: SHA-256 of the files as they were read, by name: a file that has changed since is
            not shown.

    Returns:
        Text by place. Of a JSON object its prose, one value a line; else the line itself.
    """
    wanted: dict[str, dict[int, str]] = {}
    for place in places:
        name, _, line = place.rpartition(":")
        if name and line.isdigit():
            wanted.setdefault(name, {})[int(line)] = place
    allowed = _folders(file)
    known = digests or {}
    tags = {tag for source in file.spec.data for tag in source.fields.tags}
    found: dict[str, str] = {}
    for name, lines in wanted.items():
        path = _find(name, allowed)
        if path and (name not in known or file_digest(path) == known[name]):
            found.update((lines[number], _text(raw, tags)) for number, raw in _lines(path, lines))
    return found


def _find(name: str, folders: Sequence[Path]) -> Path | None:
    """The file of this name in (never outside) one of the folders."""
    for folder in folders:
        path = (folder / name).resolve()
        if path.is_relative_to(folder) and path.is_file() and path.stat().st_size <= _LARGEST_FILE:
            return path
    return None


def _folders(file: TaskFile) -> list[Path]:
    folders = [file.root.resolve()]
    for source in file.spec.data:
        fixed = os.path.expandvars(source.path).split("*")[0]
        path = (file.root / fixed).resolve()
        folders.append(path if path.is_dir() else path.parent)
    return folders


def _lines(path: Path, wanted: Iterable[int]) -> Iterator[tuple[int, bytes]]:
    """The wanted lines; where a pretty-printed JSON object begins there, the whole object."""
    numbers = set(wanted)
    last = max(numbers, default=0)
    begun: dict[int, list[bytes]] = {}
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                for start, held in [*begun.items()]:
                    held.append(raw)
                    if raw.strip().rstrip(b",") == b"}" or len(held) >= _LONGEST_OBJECT:
                        yield start, b"".join(held).strip().rstrip(b",")
                        del begun[start]
                if number in numbers and raw.rstrip().endswith(b"{"):
                    begun[number] = [b"{"]
                elif number in numbers:
                    yield number, raw
                if number >= last and not begun:
                    return
    except OSError:
        return


def _text(raw: bytes, tags: Set[str]) -> str:
    text = raw[:_LONGEST_LINE].decode("utf-8", "replace").strip()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return "\n".join(_texts(value, tags)) or text


def _texts(value: object, tags: Set[str], depth: int = 0) -> list[str]:
    """Texts of a JSON value that read like prose (those with a space), depth first, tags left out."""
    if isinstance(value, str):
        return [value] if " " in value.strip() else []
    if depth > 4:
        return []
    rows = [v for k, v in value.items() if k not in tags] if isinstance(value, dict) else value
    items = rows if isinstance(rows, list) else ()
    return [text for item in items for text in _texts(item, tags, depth + 1)]
