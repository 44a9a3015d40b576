"""A project in the making: what an importer has understood, before anything is written."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from tunewell.importers.source_keys import ImportLine, SourceKeys
from tunewell.task import EvaluateSection
from tunewell.types import Recipe

HELD_OUT_NOTHING: Final = "Your configuration held out nothing"
"""How the note begins that says what the split now holds out."""

_NO_NAME: Final = "imported"
_SECTIONS: Final[Mapping[str, type[BaseModel]]] = {"train": Recipe, "evaluate": EvaluateSection}


@dataclass
class Blueprint:
    """A project in the making.

    Attributes:
        name: Of the task: lower case, digits and hyphens.
        about: What the model is for.
        asked: What goes in.
        answered: What comes out.
        instruction: System turn of rows that have none.
        data: Entries of ``data``.
        metrics: Entries of ``metrics``.
        gates: Entries of ``gates``.
        slices: Entries of ``slices``.
        rubric: Entries of ``people.rubric``.
        sections: Further values by section: ``{"train": {"rank": 8}}``.
        files: What to write beside tunewell.yaml, by relative path.
        notes: What to know, in sentences.
        todo: What is left to do, as commands or sentences.
        lines: What became of every key of the source.
    """

    name: str = _NO_NAME
    about: str = "Not said by the configuration that this project was imported from."
    asked: str = "what the rows ask"
    answered: str = "what the rows answer"
    instruction: str = ""
    data: list[dict[str, Any]] = field(default_factory=list)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    gates: list[dict[str, Any]] = field(default_factory=list)
    slices: list[dict[str, Any]] = field(default_factory=list)
    rubric: list[dict[str, Any]] = field(default_factory=list)
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    todo: list[str] = field(default_factory=list)
    lines: list[ImportLine] = field(default_factory=list)

    def set(self, section: str, key: str, value: Any) -> None:
        """Set a value of a section."""
        self.sections.setdefault(section, {})[key] = value

    def fit(self, source: SourceKeys, key: str, to: str, *, why: str = "") -> Any:
        """Carry a value over to a key of tunewell.yaml, if it may stand there.

        Args:
            source: The configuration.
            key: There.
            to: Here: ``train.epochs``.
            why: What differs; it is then a change.

        Returns:
            The value as it now stands; None if it is not there or could not be carried over.
        """
        given = source.get(key)
        if given is None:
            source.leave(key, "")
            return None
        section, _, name = to.partition(".")
        try:
            model = _SECTIONS[section].model_validate({name: given})
        except ValidationError as error:
            message = error.errors()[0]["msg"].removeprefix("Value error, ")
            source.leave(key, f"{to} does not take this value: {message}")
            return None
        value = getattr(model, name)
        if why:
            source.change(key, to, why)
        else:
            source.carry(key, to)
        self.set(section, name, list(value) if isinstance(value, tuple) else value)
        return value

    def add_metric(self, metric: Mapping[str, Any]) -> str:
        """Add a metric, under a name that no other has, and give that name."""
        names = {each["name"] for each in self.metrics} | {each["name"] for each in self.rubric}
        wanted = str(metric["name"])
        name, number = wanted, 2
        while name in names:
            name, number = f"{wanted}_{number}", number + 1
        self.metrics.append({**metric, "name": name})
        return name

    def hold_out(self, what: str = "") -> None:
        """Say that the configuration held nothing out, and what the project does instead.

        Args:
            what: What to add to the sentence.
        """
        said = (
            f"{HELD_OUT_NOTHING}: its losses were measured on rows it trained on, or not at all. "
            "This project holds out 20 % of the families of rows as a test set and 10 % for "
            "review (split.test, split.review)."
        )
        self.notes.append(f"{said} {what}".strip())


def slug(text: str, *, otherwise: str = _NO_NAME) -> str:
    """A name that a task may have.

    Example:
        >>> slug("Qwen/Qwen3-8B SFT"), slug("…")
        ('qwen-qwen3-8b-sft', 'imported')
    """
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-")
    return name or otherwise


def metric_name(text: str, *, otherwise: str = "check") -> str:
    """A name that a metric may have.

    Example:
        >>> metric_name("Does it cite?"), metric_name("…")
        ('does_it_cite', 'check')
    """
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:48].strip("_") or otherwise


def file_name(text: str) -> str:
    """A name of a file in one folder, whatever the text: never a path.

    Example:
        >>> file_name("../../etc/passwd"), file_name("HuggingFaceH4/no_robots")
        ('etc-passwd', 'HuggingFaceH4-no_robots')
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[-100:].strip("-.")
    return name or "rows"


def relative(path: Path, folder: Path) -> str:
    """A path as tunewell.yaml in a folder names it: relative where both share a root."""
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:
        # Two drives of Windows have no path from one to the other.
        return path.resolve().as_posix()


def one_of(texts: Sequence[str]) -> str:
    """Texts as a choice: ``a, b or c``."""
    *first, last = texts
    return f"{', '.join(first)} or {last}" if first else last
