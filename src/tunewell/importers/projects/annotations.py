"""Argilla and Label Studio: exports with what annotators said, as rows to train on.

Read by the same readers as ``tunewell annotate import``.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tunewell.annotate.argilla import from_argilla
from tunewell.annotate.label_studio import from_label_studio
from tunewell.errors import DataError
from tunewell.importers.blueprint import Blueprint, slug
from tunewell.importers.evaluations.row_file import EvalRow, answers_of, as_lines
from tunewell.importers.plain_values import first_text, listed, mapping
from tunewell.importers.source_keys import ImportLine
from tunewell.importers.training import datasets
from tunewell.people import Said

ROWS: Final = "data/annotated.jsonl"
OPEN: Final = "kept/without-answer.jsonl"
MOST_LABELS: Final = 200
ASKED: Final = ("text", "prompt", "question", "instruction", "input", "source", "dialogue", "html")

TASK_KEYS: Final = {
    "data": "data",
    "fields": "data",
    "id": "data",
    "annotations": "data",
    "completions": "data",
    "responses": "data",
    "metadata": "data: tags",
    "meta": "data: tags",
}
LEFT: Final = {
    "predictions": "a model's suggestion, not an annotation",
    "suggestions": "a model's suggestion, not an annotation",
    "vectors": "vectors are computed from the texts",
    "drafts": "not submitted",
}


@dataclass
class _Collected:
    """What was read."""

    rows: list[EvalRow] = field(default_factory=list)
    open: list[EvalRow] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)
    keys: Counter[str] = field(default_factory=Counter)
    disagreed: int = 0
    spans: int = 0
    rejects: list[tuple[str, str]] = field(default_factory=list)


def is_label_studio(value: Any) -> bool:
    """Whether a value is an export of Label Studio."""
    tasks = [mapping(task) for task in listed(value)]
    answered = {"annotations", "completions", "predictions"}
    are_tasks = all(isinstance(task.get("data"), Mapping) for task in tasks)
    return are_tasks and any(answered & task.keys() for task in tasks)


def is_argilla(value: Any) -> bool:
    """Whether a value is an export of Argilla's records."""
    records = [mapping(record) for record in listed(value)]
    return bool(records) and all(isinstance(each.get("fields"), Mapping) for each in records)


def read_annotations_project(value: Sequence[Mapping[str, Any]], path: Path) -> Blueprint:
    """A project from an export of Label Studio or Argilla.

    The answer of a row is what most of its annotators said; where they are split, the row waits for
    an adjudicator and is kept apart.

    Args:
        value: Tasks or records.
        path: The file.

    Raises:
        DataError: No row has an annotation that can be a target.
    """
    plan = Blueprint(name=slug(path.stem), about=f"Answers as the annotators of {path.stem} did.")
    plan.asked, plan.answered = "the text that was annotated", "what annotators said of it"
    found = _Collected()
    reads_argilla = is_argilla(value)
    for number, task in enumerate(value, 1):
        _take(found, task, number, reads_argilla=reads_argilla)
    if not found.rows:
        why = f"{found.spans} mark passages in texts" if found.spans else "none has an answer"
        raise DataError(
            f"none of the {len(value)} tasks of {path.name} has an annotation that can be a target "
            f"({why})",
            hint="spans are taken in beside a project's own rows: tunewell annotate import",
        )
    _write(plan, found)
    plan.lines = list(_lines(found, len(value)))
    return plan


def _take(found: _Collected, task: Mapping[str, Any], number: int, *, reads_argilla: bool) -> None:
    found.keys.update(map(str, task))
    texts = task["fields"] if reads_argilla else task["data"]
    try:
        annotations = from_argilla([task]) if reads_argilla else from_label_studio([task])
    except DataError as error:
        found.rejects.append((f"task {number}", error.message))
        return
    found.rejects += [(reject.place, reject.why) for reject in annotations.rejects]
    row = _row(texts, str(task.get("id", f"task-{number}")))
    said = [each.said for each in annotations if not each.said.skipped]
    found.spans += sum(bool(each.spans) for each in said)
    answer = _settled(found, said)
    if answer:
        row.answers = answer
        found.rows.append(row)
    else:
        found.open.append(row)


def _row(texts: Mapping[str, Any], name: str) -> EvalRow:
    """The text of a task; everything else that it shows is a tag."""
    asked = first_text(texts, [*ASKED, *map(str, texts)])
    others = {str(key): "\n".join(answers_of(value)) for key, value in texts.items()}
    tags = {key: said for key, said in others.items() if said not in {"", asked}}
    return EvalRow(id=name, asked=[("user", asked)], tags=tags)


def _settled(found: _Collected, said: Sequence[Said]) -> list[str]:
    """The answers that most annotators gave: a text, else a label; empty where they are split."""
    texts = list(filter(None, (each.answer or each.correction for each in said)))
    if texts:
        return [answer for answer, _ in Counter(texts).most_common()]
    labels = list(filter(None, map(_label, said)))
    found.labels.update(labels)
    counts = Counter(labels)
    most = max(counts.values(), default=0)
    winners = [label for label, count in counts.items() if count == most]
    found.disagreed += len(winners) > 1
    return winners if len(winners) == 1 else []


def _label(said: Said) -> str:
    chosen = itertools.chain.from_iterable(said.choices.values())
    return said.label or ", ".join(chosen)


def _write(plan: Blueprint, found: _Collected) -> None:
    plan.files[ROWS] = as_lines(found.rows)
    datasets.add_source(plan, ROWS)
    labels = [label for label, _ in found.labels.most_common()]
    is_labelled = bool(labels) and len(labels) <= MOST_LABELS
    if is_labelled:
        plan.add_metric({"name": "label", "options": {"labels": sorted(labels)}})
        plan.set("people", "row_labels", sorted(labels))
    else:
        plan.add_metric({"name": "token_f1"})
    if found.open:
        plan.files[OPEN] = as_lines(found.open)
        plan.notes.append(
            f"{len(found.open)} tasks have no settled answer ({found.disagreed} because annotators "
            f"are evenly split); they are in {OPEN}."
        )
    if found.spans:
        plan.notes.append(
            f"{found.spans} annotations also mark passages: take them in with tunewell annotate "
            "import, once the project is curated."
        )
    for place, why in found.rejects[:5]:
        plan.notes.append(f"{place} cannot be read: {why}")
    plan.hold_out()


def _lines(found: _Collected, tasks: int) -> Iterator[ImportLine]:
    for key, count in sorted(found.keys.items()):
        to = TASK_KEYS.get(key, "")
        why = LEFT.get(key, "" if to else "a state of the tool")
        yield ImportLine(
            key=key,
            value=f"in {count} of {tasks} tasks",
            fate="carried over" if to else "not carried over",
            to=to,
            why=why,
        )
