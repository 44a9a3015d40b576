"""What a source is, and who reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tunewell.errors import DataError, UserError
from tunewell.importers.blueprint import Blueprint
from tunewell.importers.evaluations.hosted_evals import is_grader, is_hosted_eval, read_graders
from tunewell.importers.evaluations.judged import NOBODY, NamedJudge
from tunewell.importers.evaluations.openai_evals import is_evals_registry, read_evals
from tunewell.importers.evaluations.promptfoo import is_promptfoo, read_promptfoo
from tunewell.importers.plain_values import mapping
from tunewell.importers.project_writer import ImportedProject, write_project
from tunewell.importers.projects.annotations import (
    is_argilla,
    is_label_studio,
    read_annotations_project,
)
from tunewell.importers.projects.kiln import PROJECT as KILN_PROJECT
from tunewell.importers.projects.kiln import TASK as KILN_TASK
from tunewell.importers.projects.kiln import read_kiln
from tunewell.importers.projects.tensorzero import is_tensorzero, read_tensorzero
from tunewell.importers.source_files import read_text, read_value, repeated_keys
from tunewell.importers.source_keys import ImportLine
from tunewell.importers.training.axolotl import is_axolotl, read_axolotl
from tunewell.importers.training.llama_factory import is_llama_factory, read_llama_factory
from tunewell.importers.training.openai_jobs import (
    is_job,
    is_result_header,
    read_job,
    read_training_file,
    refuse_results,
)
from tunewell.importers.training.trl import is_trl, read_trl

KINDS: Final = (
    "an Axolotl, LLaMA-Factory or TRL configuration, an OpenAI fine-tuning job or file, an eval of "
    "the registry or the platform, graders, a promptfoo or TensorZero configuration, a Kiln "
    "project, or an export of Argilla or Label Studio"
)
IN_FOLDERS: Final = (
    "tensorzero.toml",
    "promptfooconfig.yaml",
    "promptfooconfig.yml",
    "promptfooconfig.json",
    "records.json",
)
"""What is looked for where a folder is named."""

NO_PROJECTS: Final[tuple[tuple[frozenset[str], str, str], ...]] = (
    (
        frozenset({"compute_environment", "distributed_type"}),
        "a launcher configuration of Accelerate: it says how processes share the work",
        "import the training configuration; then set train.backend: trl and machine.processes",
    ),
    (
        frozenset({"provider", "gpu"}),
        "a cloud configuration of Axolotl: it says where a job runs",
        "import the training configuration that the job runs",
    ),
    (
        frozenset({"gpu", "volumes"}),
        "a cloud configuration of Axolotl: it says where a job runs",
        "import the training configuration that the job runs",
    ),
    (
        frozenset({"zero_optimization"}),
        "a configuration of DeepSpeed: it says how processes share the work",
        "import the training configuration; then set train.backend: trl and machine.processes",
    ),
)
"""Keys of files that belong to these tools and make no project, what they are, what to do."""


@dataclass(frozen=True)
class ImportRequest:
    """What is to be imported, and how.

    Attributes:
        source: The file or folder.
        project: The folder of the project to be.
        only: Which of several evaluations, prompts, functions or tasks is meant.
        data: Where rows are that the source only names.
        judge: Who judges what a model graded.
    """

    source: Path
    project: Path
    only: str = ""
    data: Path | None = None
    judge: NamedJudge = NOBODY


def import_project(
    source: Path,
    project: Path,
    *,
    only: str = "",
    data: Path | None = None,
    judge: str = "",
    judge_url: str = "",
) -> ImportedProject:
    """Make a project of what another tool has: its configuration, evaluation or export.

    Nothing of the source is executed and nothing is fetched.

    Args:
        source: The file or folder.
        project: The folder of the project; made if it is not there.
        only: Which of several evaluations, prompts, functions or tasks is meant.
        data: Where rows are that the source only names.
        judge: Model that judges what a model graded there.
        judge_url: The OpenAI-compatible server that the judge is behind.

    Raises:
        UserError: The source is damaged or of no known kind, or there is a project already.
        DataError: Nothing of the source can be carried over.
    """
    named = NamedJudge(judge, judge_url)
    request = ImportRequest(source, project, only, data, named)
    kind, plan = read_source_plan(request)
    return write_project(plan, kind=kind, source=source, project=project)


def read_source_plan(request: ImportRequest) -> tuple[str, Blueprint]:
    """What the source is, and the project that it would make; nothing is written.

    Raises:
        UserError: As for `import_project`.
    """
    path = _file_of(request.source)
    if path.name in {KILN_PROJECT, KILN_TASK}:
        plan = read_kiln(path.parent, request.project, only=request.only, judge=request.judge)
        return "Kiln", plan
    if path.suffix.lower() == ".csv":
        _refuse_table(path)
    value = read_value(path)
    if isinstance(value, list):
        return _of_list(value, path, request)
    if isinstance(value, Mapping):
        kind, plan = _of_mapping(value, path, request)
        plan.lines += [
            ImportLine(
                key=key,
                value=f"line {line}",
                fate="not carried over",
                why="it stands twice: the last counts",
            )
            for key, line in repeated_keys(path)
        ]
        return kind, plan
    raise _unknown(path)


def _file_of(source: Path) -> Path:
    """The file that a source is read from.

    Raises:
        UserError: There is none.
    """
    if not source.exists():
        raise UserError(f"No such file or folder: {source}", hint="check the path")
    if not source.is_dir():
        return source
    for name in (KILN_PROJECT, KILN_TASK, *IN_FOLDERS):
        if (source / name).is_file():
            return source / name
    raise UserError(
        f"no file in {source} is known ({KILN_PROJECT}, {', '.join(IN_FOLDERS)})",
        hint="name the configuration itself: tunewell import FILE FOLDER",
    )


def _refuse_table(path: Path) -> None:
    header = read_text(path).partition("\n")[0]
    if is_result_header(header):
        refuse_results(path)
    raise UserError(
        f"{path.name} is a table of rows, not a configuration",
        hint=f"tunewell init FOLDER --data {path}",
    )


def _of_list(value: list[Any], path: Path, request: ImportRequest) -> tuple[str, Blueprint]:
    if is_label_studio(value):
        return "Label Studio", read_annotations_project(value, path)
    if is_argilla(value):
        return "Argilla", read_annotations_project(value, path)
    if is_grader(value):
        return "OpenAI graders", _graders(value, path, request)
    if value and all(is_job(mapping(job)) for job in value):
        return "OpenAI fine-tuning", _job(_one(value, "id", request.only), path, request)
    if _are_rows(value):
        return "OpenAI fine-tuning file", read_training_file(path, request.project)
    raise _unknown(path)


def _are_rows(value: list[Any]) -> bool:
    """Whether the lines are rows as OpenAI's fine-tuning takes them."""
    names = {"messages", "prompt", "input"}
    return bool(value) and all(names & mapping(row).keys() for row in value)


def _one(values: list[Mapping[str, Any]], key: str, only: str) -> Mapping[str, Any]:
    """The object that is meant of several.

    Raises:
        UserError: Several are there and none is named.
    """
    if len(values) == 1 and not only:
        return values[0]
    for value in values:
        if only and str(value.get(key)) == only:
            return value
    known = ", ".join(str(value.get(key)) for value in values[:10])
    raise UserError(f"--only names one of the {len(values)}: {known}")


def _of_mapping(
    value: Mapping[str, Any], path: Path, request: ImportRequest
) -> tuple[str, Blueprint]:
    only, judge = request.only, request.judge
    if value.get("object") == "list" and isinstance(value.get("data"), list):
        return _of_list(value["data"], path, request)
    if is_tensorzero(value, path):
        return "TensorZero", read_tensorzero(value, path, only=only, judge=judge)
    if is_job(value):
        return "OpenAI fine-tuning", _job(value, path, request)
    if is_hosted_eval(value) or is_grader(value):
        return "OpenAI graders", _graders(value, path, request)
    if is_evals_registry(value):
        plan = read_evals(value, path, only=only, data=request.data, judge=judge)
        return "OpenAI Evals", plan
    if is_promptfoo(value):
        return "promptfoo", read_promptfoo(value, path, only=only, judge=judge)
    return _of_training(value, path, request)


def _of_training(
    value: Mapping[str, Any], path: Path, request: ImportRequest
) -> tuple[str, Blueprint]:
    if is_llama_factory(value):
        return "LLaMA-Factory", read_llama_factory(value, path, request.project)
    if is_axolotl(value):
        return "Axolotl", read_axolotl(value, path, request.project)
    if is_trl(value):
        return "TRL", read_trl(value, path, request.project)
    for keys, what, hint in NO_PROJECTS:
        if keys <= value.keys():
            raise DataError(f"{path.name} is {what}", hint=hint)
    if value and all(isinstance(each, str) and key[:1] == "<" for key, each in value.items()):
        raise DataError(
            f"{path.name} is a list of special tokens",
            hint="tokens are those of the base model; import the training configuration",
        )
    raise _unknown(path)


def _job(value: Mapping[str, Any], path: Path, request: ImportRequest) -> Blueprint:
    return read_job(value, path, request.project, data=request.data, judge=request.judge)


def _graders(value: Any, path: Path, request: ImportRequest) -> Blueprint:
    return read_graders(value, path, data=request.data, judge=request.judge)


def _unknown(path: Path) -> UserError:
    return UserError(f"{path.name} is none of: {KINDS}", hint="tunewell import --help")
