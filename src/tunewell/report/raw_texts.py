"""Texts of raw rows by their place, for rows that are in no dataset because they were dropped."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Final

from tunewell.json_text import parse_json
from tunewell.store.files import file_digest
from tunewell.task import TaskFile

_LARGEST_FILE: Final = 256 << 20
_LONGEST_LINE: Final = 1 << 20
_LONGEST_OBJECT: Final = 60
"""Lines of a pretty-printed JSON object."""

_DEEPEST: Final = 4
"""Levels of a JSON value below the first in which texts are looked for."""


def texts_at(
    places: Iterable[str],
    file: TaskFile,
    *,
    digests: Mapping[str, str] | None = None,
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
    folders = _folders(file)
    known = digests or {}
    tags = {tag for source in file.spec.data for tag in source.fields.tags}
    found: dict[str, str] = {}
    for name, lines in _by_file(places).items():
        path = _find(name, folders)
        if path is None or _has_changed(path, known.get(name)):
            continue
        for number, raw in _lines(path, lines):
            found[lines[number]] = _text(raw, tags)
    return found


def _by_file(places: Iterable[str]) -> dict[str, dict[int, str]]:
    """Places by file and line; what names no line is left out."""
    wanted: dict[str, dict[int, str]] = {}
    for place in places:
        name, _, line = place.rpartition(":")
        if name and line.isdigit():
            wanted.setdefault(name, {})[int(line)] = place
    return wanted


def _has_changed(path: Path, digest: str | None) -> bool:
    return digest is not None and file_digest(path) != digest


def _find(name: str, folders: Sequence[Path]) -> Path | None:
    """The file of this name in (never outside) one of the folders."""
    for folder in folders:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder) or not path.is_file():
            continue
        if path.stat().st_size <= _LARGEST_FILE:
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
    objects: dict[int, list[bytes]] = {}
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                yield from _continued(objects, raw)
                if number in numbers and _begins_object(raw):
                    objects[number] = [b"{"]
                elif number in numbers:
                    yield number, raw
                if number >= last and not objects:
                    return
    except OSError:
        return


def _begins_object(raw: bytes) -> bool:
    return raw.rstrip().endswith(b"{")


def _continued(objects: dict[int, list[bytes]], raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Add a line to every object that has begun; those that end with it are given and taken out."""
    closes = raw.strip().rstrip(b",") == b"}"
    for start, lines in [*objects.items()]:
        lines.append(raw)
        if closes or len(lines) >= _LONGEST_OBJECT:
            yield start, b"".join(lines).strip().rstrip(b",")
            del objects[start]


def _text(raw: bytes, tags: Set[str]) -> str:
    text = raw[:_LONGEST_LINE].decode("utf-8", "replace").strip()
    try:
        value = parse_json(text)
    except ValueError:
        return text
    return "\n".join(_texts(value, tags)) or text


def _texts(
    value: object,
    tags: Set[str],
    depth: int = 0,
) -> list[str]:
    """Texts of a JSON value that read like prose (those with a space), depth first.

    Tags are left out.
    """
    if isinstance(value, str):
        return [value] if " " in value.strip() else []
    if depth > _DEEPEST:
        return []
    if isinstance(value, dict):
        value = [item for key, item in value.items() if key not in tags]
    texts: list[str] = []
    for item in value if isinstance(value, list) else ():
        texts += _texts(item, tags, depth + 1)
    return texts
