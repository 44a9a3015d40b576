"""Data sets that a training configuration names: files beside it, or names on the hub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from tunewell.importers.blueprint import Blueprint, file_name, relative
from tunewell.task import FieldMap

DATA_FILES: Final = (
    ".jsonl",
    ".json",
    ".ndjson",
    ".csv",
    ".tsv",
    ".parquet",
    ".arrow",
    ".txt",
    ".zst",
    ".gz",
    ".zip",
)
_HUB_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?")
_FIELDS: Final = frozenset(FieldMap.model_fields)


def data_path(plan: Blueprint, name: str, *, beside: Path, project: Path, split: str = "") -> str:
    """Where the project finds a data set: the file that is here, or the place to fetch it to.

    Nothing is fetched: what is not here becomes a line of `Blueprint.todo`.

    Args:
        plan: The project in the making.
        name: As the configuration has it: a path, or a name on the hub.
        beside: The folder of the configuration, where its paths begin.
        project: The project's folder.
        split: Of the data set on the hub.
    """
    is_address = re.match(r"[a-z0-9]+://", name)
    here = None if is_address else _here(beside, name)
    if here is not None:
        return relative(here, project)
    place = f"data/{file_name(name)}"
    looks_like_file = Path(name).suffix.lower() in DATA_FILES
    if is_address or looks_like_file:
        plan.todo.append(f"put {name} into {place} (it is not beside the configuration)")
        return place
    if _HUB_NAME.fullmatch(name):
        command = f"hf download {name} --repo-type dataset --local-dir {place}"
        plan.todo.append(f"{command}{f'   # the split {split!r}' if split else ''}")
    else:
        plan.todo.append(f"put the data set {name!r} into {place}")
    return place


def _here(beside: Path, name: str) -> Path | None:
    """A file or folder that the name leads to from the folder of the configuration, or above."""
    for folder in (beside, *list(beside.parents)[:3]):
        try:
            found = folder / name
            if found.exists():
                return found
        except (OSError, ValueError):
            return None
    return None


def add_source(
    plan: Blueprint,
    path: str,
    *,
    fields: dict[str, Any] | None = None,
    role: str = "train",
    limit: int = 0,
) -> dict[str, Any]:
    """Add an entry to ``data``; one that is there already is given back.

    Args:
        plan: The project in the making.
        path: As tunewell.yaml names it.
        fields: Columns that the configuration names.
        role: ``train`` or ``test``.
        limit: Most rows; 0 = all.
    """
    entry: dict[str, Any] = {"path": path}
    if role != "train":
        entry["role"] = role
    named = {key: value for key, value in (fields or {}).items() if value and key in _FIELDS}
    if named:
        entry["fields"] = named
    if limit > 0:
        entry["limit"] = limit
    if entry not in plan.data:
        plan.data.append(entry)
    return entry


def without_data(plan: Blueprint, why: str) -> None:
    """A project whose data is still to come.

    Args:
        plan: The project in the making.
        why: The reason.
    """
    plan.notes.append(f"{why} This project reads what is in data/.")
    plan.todo.append("put training rows into data/ (JSON lines, CSV, Parquet)")
    plan.data.append({"path": "data"})
