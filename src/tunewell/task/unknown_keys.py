"""Keys that no section has, with the one that was probably meant."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel


def unknown_key(model: type[BaseModel], path: Sequence[str | int]) -> str:
    """What to say of a key that is not among those of its section.

    Args:
        model: Of the whole file.
        path: Of the key, as pydantic gives it.

    Example:
        >>> from tunewell.task import TaskSpec
        >>> unknown_key(TaskSpec, ("train", "epoch"))
        "there is no such key; did you mean 'epochs'?"
        >>> unknown_key(TaskSpec, ("gates", 0, "colour"))[:42]
        'there is no such key; this section has: me'
    """
    section: type[BaseModel] | None = model
    for part in path[:-1]:
        if section is not None and isinstance(part, str):
            section = _below(section, part)
    if section is None:
        return "there is no such key."
    known = _keys(section)
    near = get_close_matches(str(path[-1]), known, n=1)
    if near:
        return f"there is no such key; did you mean {near[0]!r}?"
    return f"there is no such key; this section has: {', '.join(known)}."


def _keys(section: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in section.model_fields.items()]


def _below(section: type[BaseModel], key: str) -> type[BaseModel] | None:
    """The section under a key, or that of each item of a list there."""
    for name, info in section.model_fields.items():
        if key in (name, info.alias):
            return _model_in(info.annotation)
    return None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = map(_model_in, get_args(annotation))
    return next(filter(None, found), None)
