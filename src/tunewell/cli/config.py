"""``tunewell config``: every value, and where it came from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.table import Table

from tunewell.cli.common import JsonOption, ProjectArgument, SetOption, emit, out
from tunewell.task import TaskFile, load_task


def command(
    path: ProjectArgument = Path(), overrides: SetOption = None, json: JsonOption = False
) -> None:
    """Print each value of the definition with where it came from (default < file < environment < flag)."""
    file = load_task(path, overrides=overrides or ())
    rows = [
        {"name": name, "value": value, "from": _origin(file, name)}
        for name, value in settings(file)
    ]
    if json:
        emit("config", rows)
        return
    table = Table("name", "value", "from", box=None, pad_edge=False)
    for row in rows:
        table.add_row(str(row["name"]), _shown(row["value"]), str(row["from"]))
    out.print(table)


def settings(file: TaskFile) -> Iterator[tuple[str, Any]]:
    """Every leaf of the definition as (dotted name, value), in the order of the schema."""
    yield from _leaves("", file.spec.model_dump(mode="json", by_alias=True))


def _leaves(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(f"{prefix}{key}.", inner)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for i, inner in enumerate(value):
            yield from _leaves(f"{prefix}{i}.", inner)
    else:
        yield prefix.rstrip("."), value


def _origin(file: TaskFile, name: str) -> str:
    """Where a leaf came from; a list of plain values counts as given where its key is."""
    return file.exactly(name)


def _shown(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = text.replace("\n", " ")
    return (text if len(text) <= 70 else text[:67] + "…").replace("[", r"\[")
