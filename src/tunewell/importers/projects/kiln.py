"""Kiln projects: a task with its runs, ratings, repairs, splits and evals.

Source: the data model of Kiln-AI/Kiln (``libs/core/kiln_ai/datamodel``), read for its format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tunewell.errors import UserError
from tunewell.importers.blueprint import Blueprint, slug
from tunewell.importers.evaluations.graders import keep_code
from tunewell.importers.evaluations.judged import NOBODY, NamedJudge, Scale, ask
from tunewell.importers.evaluations.row_file import EvalRow, as_lines
from tunewell.importers.plain_values import first_text, listed, mapping, mappings, text
from tunewell.importers.source_files import as_mapping, read_value
from tunewell.importers.source_keys import ImportLine, SourceKeys, leaves
from tunewell.importers.training import datasets
from tunewell.json_text import parse_json
from tunewell.plurals import plural

PROJECT: Final = "project.kiln"
TASK: Final = "task.kiln"
TRAIN: Final = "data/runs.jsonl"
TEST: Final = "data/held-out.jsonl"
REJECTED: Final = "kept/rejected-runs.jsonl"
GOOD_STARS: Final = 4
HELD_OUT: Final = ("test", "val", "validation")
OTHER_FILES: Final = {
    "prompt.kiln": "another prompt; the task's own instruction counts",
    "task_run_config.kiln": "how Kiln calls a model",
    "finetune.kiln": "an old fine-tune; Tunewell trains by its own recipe: train",
    "spec.kiln": "a description of an eval; its question counts",
    "feedback.kiln": "a remark on a run",
    "eval_run.kiln": "a figure of an old evaluation",
    "document.kiln": "documents are read as data: name their folder under data",
    "extraction.kiln": "documents are read as data: name their folder under data",
    "chunked_document.kiln": "documents are read as data: name their folder under data",
    "chunk_embeddings.kiln": "documents are read as data: name their folder under data",
    "rag_config.kiln": "retrieval is not part of a fine-tune",
    "embedding_config.kiln": "retrieval is not part of a fine-tune",
    "extractor_config.kiln": "retrieval is not part of a fine-tune",
    "chunker_config.kiln": "retrieval is not part of a fine-tune",
    "reranker_config.kiln": "retrieval is not part of a fine-tune",
    "vector_store_config.kiln": "retrieval is not part of a fine-tune",
    "skill.kiln": "a skill of an agent",
}
REASONS: Final = {
    "v": "the version of the format",
    "id": "an id of Kiln",
    "created_at": "a date of Kiln",
    "created_by": "a user of Kiln",
    "model_type": "the kind of the file",
    "path": "the kind of the file",
    "default_run_config_id": "how Kiln calls a model",
    "input_json_schema": "the columns of the rows are told by the rows",
    "requirements.*": "it has no counterpart",
}
USED_OF_RUNS: Final = ("input", "output", "repaired_output", "tags", "id")


@dataclass
class _Runs:
    """The runs of a task, sorted."""

    train: list[EvalRow] = field(default_factory=list)
    test: list[EvalRow] = field(default_factory=list)
    rejected: list[EvalRow] = field(default_factory=list)
    keys: Counter[str] = field(default_factory=Counter)


def read_kiln(
    folder: Path, project: Path, *, only: str = "", judge: NamedJudge = NOBODY
) -> Blueprint:
    """A project from one task of a Kiln project.

    Args:
        folder: The folder of ``project.kiln``, or of a task.
        project: The folder of the project to be.
        only: Name of the task that is meant; the one with the most runs if empty.
        judge: Who judges in the place of Kiln's own judges.

    Raises:
        UserError: There is no task (of that name).
    """
    tasks = {path: as_mapping(read_value(path), path.name) for path in _tasks(folder)}
    if not tasks:
        raise UserError(f"there is no {TASK} in {folder}", hint="name the folder of project.kiln")
    path = _chosen(tasks, only)
    keys = SourceKeys(tasks[path], name=TASK)
    plan = Blueprint(name=slug(str(keys.get("name", "task"))))
    _task(plan, keys)
    _evals(plan, path.parent, judge)
    runs = _read_runs(path.parent)
    _write(plan, runs)
    plan.lines = [*keys.finish(REASONS), *plan.lines, *_of_runs(runs), *_of_others(folder)]
    for other, value in tasks.items():
        if other != path:
            plan.lines.append(_another(value))
    return plan


def _tasks(folder: Path) -> list[Path]:
    return sorted([*folder.glob(TASK), *folder.glob(f"tasks/*/{TASK}")])


def _chosen(tasks: Mapping[Path, Mapping[str, Any]], only: str) -> Path:
    names = {str(value.get("name", "")): path for path, value in tasks.items()}
    if only and only not in names:
        raise UserError(f"there is no task {only!r}; there are: {', '.join(names)}")
    if only:
        return names[only]
    return max(tasks, key=lambda path: len(list(path.parent.glob("runs/*/task_run.kiln"))))


def _task(plan: Blueprint, keys: SourceKeys) -> None:
    """The task in words."""
    keys.carry("name", "task.name")
    keys.carry("description", "task.about")
    plan.about = first_text(keys.values, ("description", "name")) or "A task of a Kiln project."
    plan.instruction = text(keys.carry("instruction", "task.instruction"))
    keys.leave(
        "thinking_instruction", "a way of asking; a turn's reasoning is no part of the answer"
    )
    schema = text(keys.get("output_json_schema"))
    if schema:
        try:
            parsed = parse_json(schema)
        except ValueError:
            keys.leave("output_json_schema", "it is no JSON")
        else:
            keys.carry("output_json_schema", "metrics: schema")
            plan.add_metric({"name": "schema", "options": {"schema": parsed}})
    for number, requirement in mappings(keys.get("requirements")):
        question = first_text(requirement, ("instruction", "name"))
        ask(plan, str(requirement.get("name", "requirement")), question, NOBODY)
        keys.change(f"requirements.{number}", "people.rubric", "people are asked")


def _evals(plan: Blueprint, folder: Path, judge: NamedJudge) -> None:
    """What its evals score, as questions to people; code is kept as text."""
    for path in sorted(folder.glob("evals/*/eval.kiln")):
        keys = SourceKeys(
            as_mapping(read_value(path), path.name), name=f"eval.kiln {path.parent.name}"
        )
        for number, score in mappings(keys.get("output_scores")):
            question = first_text(score, ("instruction", "name"))
            scale: Scale = "1-5" if score.get("type") == "five_star" else "yes/no"
            named = ask(plan, str(score.get("name", "score")), question, judge, scale=scale)
            keys.change(f"output_scores.{number}", f"people.rubric: {named}", "people are asked")
        keys.carry("name", "people.rubric")
        reasons = {
            **REASONS,
            "*_filter_id": "tags of runs are tags of rows",
            "*": "a state of Kiln",
        }
        plan.lines += keys.finish(reasons)
        for config in sorted(path.parent.glob("configs/*/eval_config.kiln")):
            _eval_config(plan, config)


def _eval_config(plan: Blueprint, path: Path) -> None:
    """How an eval is judged: its checks that a program decides become metrics."""
    value = as_mapping(read_value(path), path.name)
    keys = SourceKeys(value, name=f"eval_config.kiln {path.parent.name}")
    given = mapping(value.get("properties"))
    kind = str(given.get("type", value.get("config_type", "")))
    metric = _program(kind, given)
    if metric:
        named = plan.add_metric(metric)
        keys.carry("properties", f"metrics: {named}")
    elif kind == "code_eval":
        keep_code(plan, "kept/kiln-eval.py.txt", str(given.get("code", given)))
        keys.leave("properties", "code is never run on import; kept as text")
    else:
        keys.leave("properties", "the prompt of Kiln's judge; the question of the eval counts")
    plan.lines += keys.finish({**REASONS, "*": "how Kiln calls its judge"})


def _program(kind: str, given: Mapping[str, Any]) -> dict[str, Any] | None:
    """A check that a program decides, as a metric; None if it is none, or needs an expression."""
    if given.get("value_expression"):
        return None
    texts = [
        str(given[key]) for key in ("expected_value", "substring", "pattern") if given.get(key)
    ]
    relation = {"exact_match": "equals", "contains": "contains", "pattern_match": "matches"}.get(
        kind
    )
    if relation is None or (not texts and not given.get("reference_key")):
        return None
    options: dict[str, Any] = {"metric": "string_check", "relation": relation, "texts": texts}
    if given.get("case_sensitive") is False:
        options["ignore_case"] = True
    if str(given.get("mode", "")).startswith("must_not"):
        options["negated"] = True
    return {"name": kind, "options": options}


def _read_runs(folder: Path) -> _Runs:
    """Every run of a task, sorted into what is trained on, held out, and rejected by people."""
    parts = _parts(folder)
    runs = _Runs()
    for path in sorted(folder.glob("runs/*/task_run.kiln")):
        value = as_mapping(read_value(path), path.name)
        runs.keys.update({key.split(".")[0] for key, _ in leaves(value)})
        row = _row(value, path)
        if row is None:
            continue
        if _is_rejected(value):
            runs.rejected.append(row)
        elif parts.get(row.id) in HELD_OUT:
            runs.test.append(row)
        else:
            runs.train.append(row)
    return runs


def _parts(folder: Path) -> dict[str, str]:
    """Part of each run in the newest split."""
    found: dict[str, str] = {}
    for path in sorted(folder.glob("dataset_splits/*/dataset_split.kiln")):
        contents = mapping(mapping(read_value(path)).get("split_contents"))
        for part, ids in contents.items():
            found |= dict.fromkeys(map(str, listed(ids)), str(part))
    return found


def _row(value: Mapping[str, Any], path: Path) -> EvalRow | None:
    asked = text(value.get("input"))
    answer = _output(value.get("repaired_output")) or _output(value.get("output"))
    if not asked or not answer:
        return None
    row = EvalRow(
        id=str(value.get("id", path.parent.name)),
        asked=[("user", asked)],
        answers=[answer],
    )
    tags = " ".join(map(str, listed(value.get("tags"))))
    if tags:
        row.tags["kiln_tags"] = tags
    return row


def _output(value: Any) -> str:
    return text(mapping(value).get("output"))


def _is_rejected(value: Mapping[str, Any]) -> bool:
    """Whether people rated the answer badly and nobody repaired it."""
    rating = mapping(mapping(value.get("output")).get("rating"))
    points = rating.get("value")
    if _output(value.get("repaired_output")) or not isinstance(points, int | float):
        return False
    return points < (GOOD_STARS if rating.get("type") == "five_star" else 1)


def _write(plan: Blueprint, runs: _Runs) -> None:
    if runs.train:
        plan.files[TRAIN] = as_lines(runs.train)
        datasets.add_source(plan, TRAIN)
    if runs.test:
        plan.files[TEST] = as_lines(runs.test)
        datasets.add_source(plan, TEST, role="test")
    if runs.rejected:
        plan.files[REJECTED] = as_lines(runs.rejected)
        plan.notes.append(
            f"People rated {plural(len(runs.rejected), 'run')} badly without a repair: kept in "
            f"{REJECTED}, not in the data."
        )
    if not plan.data:
        datasets.without_data(plan, "The task has no runs with an answer.")
    elif not runs.test:
        plan.hold_out()


def _of_runs(runs: _Runs) -> Iterator[ImportLine]:
    """What became of the keys of the runs, each once."""
    for key, count in sorted(runs.keys.items()):
        used = key in USED_OF_RUNS
        yield ImportLine(
            key=f"task_run.kiln: {key}",
            value=f"in {plural(count, 'run')}",
            fate="carried over" if used else "not carried over",
            to="data" if used else "",
            why="" if used else "how Kiln made or spent the run",
        )


def _of_others(folder: Path) -> Iterator[ImportLine]:
    """Files of other kinds, each kind once."""
    known = {PROJECT, TASK, "task_run.kiln", "eval.kiln", "eval_config.kiln", "dataset_split.kiln"}
    found = Counter(path.name for path in folder.rglob("*.kiln") if path.name not in known)
    for name, count in sorted(found.items()):
        yield ImportLine(
            key=name,
            value=plural(count, "file"),
            fate="not carried over",
            why=OTHER_FILES.get(name, "Tunewell does not know this kind of file"),
        )


def _another(value: Mapping[str, Any]) -> ImportLine:
    name = str(value.get("name", ""))
    return ImportLine(
        key=f"{TASK} {name}",
        value=name,
        fate="not carried over",
        why=f"a project of its own: tunewell import KILN FOLDER --only {name!r}",
    )
