"""Evals of OpenAI's platform (``eval`` objects), and graders that stand alone in a file.

Source: the types ``openai.types.eval_create_response`` and ``openai.types.graders``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from tunewell.importers.blueprint import Blueprint, slug
from tunewell.importers.evaluations.graders import TYPES, GraderReader
from tunewell.importers.evaluations.judged import NOBODY, NamedJudge
from tunewell.importers.evaluations.row_file import EvalRow, answers_of, as_lines, turns_of
from tunewell.importers.plain_values import listed, mapping
from tunewell.importers.source_files import read_rows
from tunewell.importers.source_keys import SourceKeys

ROWS: Final = "data/items.jsonl"
ASKED: Final = ("input", "messages", "question", "prompt", "query", "text", "instruction")
ANSWERED: Final = ("reference_answer", "reference", "answer", "ideal", "target", "label", "correct")
REASONS: Final = {
    "id": "ids of the platform",
    "object": "the kind of the object",
    "created_at": "a date of the platform",
    "metadata*": "a remark for readers",
    "data_source_config*": "the columns of the rows are told by the rows",
    "status": "a state of the platform",
    "share*": "a state of the platform",
    "weight*": "metrics stay apart: each has its own interval and gate",
}


def is_hosted_eval(value: Mapping[str, Any]) -> bool:
    """Whether an object is an eval of the platform."""
    return value.get("object") == "eval" or "testing_criteria" in value


def is_grader(value: Any) -> bool:
    """Whether an object is a grader, or a list or wrapping of graders."""
    if isinstance(value, list):
        return bool(value) and all(map(is_grader, value))
    given = mapping(value)
    inner = mapping(given.get("grader")) or given
    return inner.get("type") in TYPES and "name" in inner


def read_graders(
    value: Any, path: Path, *, data: Path | None = None, judge: NamedJudge = NOBODY
) -> Blueprint:
    """A project from an eval of the platform, or from graders.

    Args:
        value: An eval, a grader, or a list of graders.
        path: Its file.
        data: The file of items, where there is one.
        judge: Who judges in the place of the graders' own models.
    """
    values = mapping(value) or {"graders": value}
    keys = SourceKeys(values)
    named = values.get("name")
    plan = Blueprint(name=slug(str(named or path.stem)), asked="an item", answered="the answer")
    plan.about = f"Evaluates {named or path.stem} as OpenAI's platform did."
    reader = GraderReader(plan, keys, judge)
    for place in _places(values):
        reader.read(place)
    if "testing_criteria" in values:
        keys.carry("name", "task.name")
    _rows(plan, reader.target, data, path)
    plan.lines = keys.finish(REASONS)
    return plan


def _places(values: Mapping[str, Any]) -> Iterable[str]:
    """Where graders stand in an object."""
    for section in ("testing_criteria", "graders"):
        found = listed(values.get(section))
        if found:
            return [f"{section}.{number}" for number in range(len(found))]
    return ["grader"] if mapping(values.get("grader")) else [""]


def _rows(plan: Blueprint, target: str, data: Path | None, path: Path) -> None:
    """The items as a test set: those of a file beside the eval, or those to come."""
    plan.data.append({"path": ROWS, "role": "test"})
    if data is None or not data.is_file():
        plan.todo.append(
            f"write the items to {ROWS}, or import again with --data FILE (lines of the form "
            '{"item": {…}}, as the platform takes them)'
        )
        plan.notes.append(f"{path.name} has graders but no items: these are kept apart from it.")
        return
    rows = [_item(value, number, target) for number, value in enumerate(read_rows(data), 1)]
    plan.files[ROWS] = as_lines(rows)


def _item(value: Any, number: int, target: str) -> EvalRow:
    """One item as a row."""
    item = mapping(mapping(value).get("item", value))
    asked_key = _first_key(item, ASKED)
    gold_key = target or _first_key(item, ANSWERED)
    rest = [key for key in item if key not in {asked_key, gold_key, "id"}]
    asked = turns_of(item.get(asked_key)) or [("user", str(dict(item)))]
    return EvalRow(
        id=str(item.get("id", f"item-{number}")),
        asked=asked,
        answers=answers_of(item.get(gold_key)),
        tags={str(key): "\n".join(answers_of(item[key])) for key in rest if item[key]},
    )


def _first_key(item: Mapping[str, Any], names: Iterable[str]) -> str:
    """The first of several keys that an item has; empty if it has none."""
    return next(filter(item.__contains__, names), "")
