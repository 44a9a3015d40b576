"""From a project in the making to a folder that validates, with the table of what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from tunewell.disk import disk_errors
from tunewell.errors import InternalError, TaskError, UserError
from tunewell.importers.blueprint import Blueprint
from tunewell.importers.source_keys import Fate, ImportLine
from tunewell.plurals import plural
from tunewell.task import FILE_NAME, TaskFile, parse_task
from tunewell.types import Value

TABLE: Final = "IMPORT.md"
FATES: Final[tuple[Fate, ...]] = ("carried over", "changed", "not carried over")
_SECTIONS: Final = ("split", "train", "machine", "evaluate")


class ImportedProject(Value):
    """What came of an import.

    Attributes:
        kind: What the source was: ``axolotl``, ``promptfoo`` …
        source: The file or folder.
        project: The folder of the project.
        lines: What became of every key of the source.
        notes: What to know.
        todo: What is left to do.
        metrics: Names of the metrics of the project.
        files: What was written.
    """

    kind: str
    source: str
    project: str
    lines: tuple[ImportLine, ...]
    notes: tuple[str, ...] = ()
    todo: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def counts(self) -> dict[Fate, int]:
        """How many keys were carried over, changed and not carried over."""
        found = Counter(line.fate for line in self.lines)
        return {fate: found[fate] for fate in FATES}

    def headline(self) -> str:
        """The counts in a sentence."""
        counts = self.counts()
        parts = [f"{counts[fate]:,} {fate}" for fate in FATES]
        return f"{plural(len(self.lines), 'key')} of {self.source}: {', '.join(parts)}"


def write_project(plan: Blueprint, *, kind: str, source: Path, project: Path) -> ImportedProject:
    """Write a project and check that it validates.

    Args:
        plan: What was understood.
        kind: What the source is.
        source: The file or folder that was imported.
        project: The folder of the project; made if it is not there.

    Raises:
        UserError: There is a project already, or the folder cannot be written.
    """
    target = project / FILE_NAME
    if target.exists():
        raise UserError(
            f"there is a project in {project} already",
            hint=f"tunewell import {source} ANOTHER-FOLDER",
        )
    text = definition_text(plan, kind=kind, source=source)
    _check(text, target)
    written = {**plan.files, FILE_NAME: text}
    result = ImportedProject(
        kind=kind,
        source=str(source),
        project=str(project),
        lines=tuple(plan.lines),
        notes=tuple(dict.fromkeys(plan.notes)),
        todo=tuple(dict.fromkeys(plan.todo)),
        metrics=tuple(str(metric["name"]) for metric in plan.metrics),
        files=tuple(sorted({*written, TABLE})),
    )
    written[TABLE] = "\n".join(_table(result)) + "\n"
    with disk_errors(project):
        for name, content in written.items():
            place = project / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(content, encoding="utf-8", errors="replace")
    return result


def _check(text: str, path: Path) -> TaskFile:
    """What was written must validate: if it does not, the importer is wrong and not the user."""
    try:
        return parse_task(text, path=path, environment={})
    except (TaskError, UserError) as error:
        raise InternalError(f"the imported definition does not validate: {error}") from error


def definition_text(plan: Blueprint, *, kind: str, source: Path) -> str:
    """The text of tunewell.yaml.

    Args:
        plan: What was understood.
        kind: What the source is.
        source: The file or folder that was imported.
    """
    head = [
        f"# Imported from {kind}: {source.name!r}. {TABLE} says what became of every key.",
        "# `tunewell config` prints every value with its default.",
        "",
    ]
    body = yaml.safe_dump(
        _definition(plan),
        sort_keys=False,
        allow_unicode=True,
        width=100,
        default_flow_style=False,
    )
    return "\n".join(head) + body


def _definition(plan: Blueprint) -> dict[str, Any]:
    task = {
        "name": plan.name,
        "about": _long_enough(plan.about, least=10),
        "input": _long_enough(plan.asked, least=3),
        "output": _long_enough(plan.answered, least=3),
    }
    if plan.instruction:
        task["instruction"] = plan.instruction
    found: dict[str, Any] = {"version": 1, "task": task, "data": plan.data}
    if plan.slices:
        found["slices"] = plan.slices
    if plan.metrics:
        found["metrics"] = plan.metrics
    if plan.gates:
        found["gates"] = plan.gates
    people = dict(plan.sections.get("people", {}))
    if plan.rubric:
        people["rubric"] = plan.rubric
    if people:
        found["people"] = people
    for name in _SECTIONS:
        if plan.sections.get(name):
            found[name] = dict(plan.sections[name])
    return found


def _long_enough(text: str, *, least: int) -> str:
    cleaned = " ".join(text.split())
    return cleaned if len(cleaned) >= least else f"imported: {cleaned or 'not described'}"


def _table(result: ImportedProject) -> Iterator[str]:
    """The table of the import, as Markdown."""
    yield f"# Imported from {result.kind}"
    yield ""
    yield f"{result.headline()}."
    for title, items in (("What to know", result.notes), ("What is left to do", result.todo)):
        if items:
            yield from ("", f"## {title}", "")
            yield from (f"- {_cell(item)}" for item in items)
    for fate in FATES:
        lines = [line for line in result.lines if line.fate == fate]
        if not lines:
            continue
        yield from ("", f"## {fate.capitalize()}", "")
        yield from ("| key | value | now | why |", "| --- | --- | --- | --- |")
        yield from (_row(line) for line in lines)


def _row(line: ImportLine) -> str:
    cells = [line.key, line.value, line.to, line.why]
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    """Text in a table of Markdown: no markup, no HTML, no end of the cell."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;")
    escaped = escaped.replace("`", "&#96;").replace("[", "&#91;").replace("]", "&#93;")
    return escaped.replace("\n", " ")
