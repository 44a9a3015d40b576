"""``tunewell config``: every value, and where it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from tunewell.cli.common import JsonOption, ProjectArgument, SetOption, emit, out
from tunewell.task import TaskFile, load_task

WIDEST_VALUE = 70


def command(
    path: ProjectArgument = Path(),
    overrides: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Print each value of the definition and where it came from.

    A flag overrides the environment, the environment the file, the file the default.
    """
    file = load_task(path, overrides=overrides or ())
    rows = [
        {"name": name, "value": value, "from": file.exactly(name)} for name, value in settings(file)
    ]
    if json:
        emit("config", rows)
        return
    table = Table("name", "value", "from", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["name"], _shown(row["value"]), row["from"])
    out.print(table)


def settings(file: TaskFile) -> Iterator[tuple[str, Any]]:
    """Every leaf of the definition as (dotted name, value), in the order of the schema."""
    yield from _leaves("", file.spec.model_dump(mode="json", by_alias=True))


def _leaves(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    inner = _parts(value)
    if not inner:
        yield prefix.rstrip("."), value
    for key, part in inner.items():
        yield from _leaves(f"{prefix}{key}.", part)


def _parts(value: Any) -> Mapping[Any, Any]:
    """What a value is made of: a section's keys, a list of sections by position; else nothing."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return dict(enumerate(value))
    return {}


def _shown(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = text.replace("\n", " ")
    if len(text) > WIDEST_VALUE:
        text = text[: WIDEST_VALUE - 3] + "…"
    return text.replace("[", r"\[")
