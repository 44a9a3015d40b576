"""Files of other tools as plain values: YAML, JSON, JSON lines and TOML of anybody, in bounds.

Nothing of them is executed: no YAML tags, no templates, no code.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from tunewell.errors import DataError, UserError
from tunewell.json_text import parse_json
from tunewell.task.yaml_limits import check_yaml

MOST_BYTES: Final = 64 * 2**20
"""Of a configuration or an export; files of rows are read line by line."""
LFS_POINTER: Final = "version https://git-lfs.github.com/spec/"


def read_text(path: Path) -> str:
    """A file of another tool as text.

    Raises:
        UserError: It is not there, too large, or not UTF-8.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise UserError(
                f"{path} has {size:,} bytes; a configuration has at most {MOST_BYTES:,}",
                hint="rows are read by: tunewell doctor FILE, tunewell init DIR --data FILE",
            )
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path.name} is not UTF-8 (byte {error.start})", hint=f"save {path.name} as UTF-8"
        ) from None
    except FileNotFoundError:
        raise UserError(f"No such file: {path}", hint="check the path") from None
    if text.startswith(LFS_POINTER):
        raise UserError(
            f"{path.name} is a pointer of Git LFS; the file itself is elsewhere",
            hint=f"git lfs pull --include '{path.name}'",
        )
    return text


def read_value(path: Path) -> Any:
    """The value of a YAML, JSON, JSON lines or TOML file; of JSON lines, the list of them.

    Raises:
        UserError: It is none of these, or damaged; with the line.
    """
    text = read_text(path)
    if not text.strip():
        raise UserError(f"{path.name} is empty")
    kind = path.suffix.lower()
    if kind == ".toml":
        return _toml(text, path.name)
    if kind in {".jsonl", ".ndjson"}:
        return list(_json_lines(text, path.name))
    if kind in {".json", ".kiln"}:
        return _json(text, path.name)
    return _yaml(text, path.name)


def _toml(text: str, name: str) -> Any:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(f"not TOML: {error}", place=name) from None


def _json(text: str, name: str) -> Any:
    try:
        return parse_json(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        what = getattr(error, "msg", str(error))
        raise UserError(f"not JSON: {what}", place=f"{name}:{line}") from None


def _json_lines(text: str, name: str) -> Iterator[Any]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield parse_json(line)
        except ValueError as error:
            what = getattr(error, "msg", str(error))
            raise UserError(f"not JSON: {what}", place=f"{name}:{number}") from None


def _yaml(text: str, name: str) -> Any:
    try:
        check_yaml(text, name)
        return yaml.load(text, Loader=_PlainLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        place = f"{name}:{mark.line + 1}" if mark else name
        raise UserError(f"not YAML: {problem}", place=place) from None
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"not YAML: {error}", place=name) from None


class _PlainLoader(yaml.SafeLoader):
    """Plain values, whose keys are texts."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found = super().construct_mapping(node, deep=deep)
        return {str(key): value for key, value in found.items()}


def repeated_keys(path: Path) -> list[tuple[str, int]]:
    """Keys of a YAML file that stand twice, with the line of each: YAML keeps the last alone."""
    if path.suffix.lower() not in {".yaml", ".yml"}:
        return []
    node = yaml.compose(read_text(path), Loader=yaml.SafeLoader)
    return list(_repeated(node, ""))


def _repeated(node: yaml.Node | None, prefix: str) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            name = f"{prefix}{key.value}"
            if name in lines:
                yield name, lines[name]
            lines[name] = key.start_mark.line + 1
            yield from _repeated(value, f"{name}.")
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _repeated(value, f"{prefix}{number}.")


def as_mapping(value: Any, what: str) -> Mapping[str, Any]:
    """The value as a mapping.

    Raises:
        DataError: It is none.
    """
    if not isinstance(value, Mapping):
        raise DataError(f"{what} must be a mapping of keys. Got {type(value).__name__} instead.")
    return value


def read_rows(path: Path) -> list[Any]:
    """The rows of a JSON or JSON lines file.

    Raises:
        UserError: It is damaged, or holds no rows.
    """
    text = read_text(path)
    if text.lstrip().startswith("["):
        found = _json(text, path.name)
    else:
        found = list(_json_lines(text, path.name))
    if not found:
        raise UserError(f"{path.name} holds no rows")
    return list(found)


def file_beside(folder: Path, name: str) -> Path | None:
    """A file that a configuration names, if it is inside the configuration's folder.

    Args:
        folder: Of the configuration; links are followed before the file is looked for in it.
        name: As the configuration has it, with or without ``file://``.
    """
    try:
        found = (folder / name.removeprefix("file://")).resolve()
        inside = found.is_relative_to(folder.resolve())
        return found if inside and found.is_file() else None
    except (OSError, ValueError):
        return None
