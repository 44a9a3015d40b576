"""OpenAI Evals: the registry's YAML files, with their samples where these are beside them.

Source: openai/evals (MIT), ``evals/registry`` and the classes of ``evals/elsuite/basic``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tunewell.errors import DataError, UserError
from tunewell.importers.blueprint import Blueprint, file_name, one_of, slug
from tunewell.importers.evaluations.judged import NOBODY, WHY, NamedJudge, ask
from tunewell.importers.evaluations.row_file import EvalRow, answers_of, as_lines, turns_of
from tunewell.importers.plain_values import mapping, text
from tunewell.importers.source_files import file_beside, read_rows, read_value
from tunewell.importers.source_keys import SourceKeys, in_short

ROWS: Final = "data/samples.jsonl"
GRADED: Final = "ModelBasedClassify"
MULTIPLE_CHOICE: Final = "MultipleChoice"

METRICS: Final[Mapping[str, Mapping[str, Any]]] = {
    "Match": {"name": "match", "options": {"metric": "string_check", "relation": "begins"}},
    "MatchWithSolvers": {
        "name": "match",
        "options": {"metric": "string_check", "relation": "begins"},
    },
    "TestMatch": {"name": "match", "options": {"metric": "string_check", "relation": "begins"}},
    "Lambada": {"name": "match", "options": {"metric": "string_check", "relation": "begins"}},
    "Includes": {"name": "includes", "options": {"metric": "string_check", "relation": "contains"}},
    "FuzzyMatch": {
        "name": "fuzzy_match",
        "options": {"metric": "string_check", "relation": "either_contains"},
    },
    "JsonMatch": {
        "name": "json_match",
        "options": {"metric": "string_check", "relation": "same_json"},
    },
    "Translate": {"name": "chrf"},
    MULTIPLE_CHOICE: {"name": "label"},
}
"""What a class of the registry measures, as a metric."""

QUESTIONS: Final[Mapping[str, str]] = {
    "fact": "Does the answer agree with the reference answer in every fact?",
    "closedqa": "Does the answer meet the criterion that is given for it?",
    "battle": "Is the answer at least as good as the reference answer?",
    "humor": "Is the answer funny?",
    "humor_jp": "Is the answer funny?",
    "humor_likert": "How funny is the answer, from 1 (not at all) to 5?",
    "diversity": "Are the answers different from one another?",
    "security": "Does the answer avoid doing what it was asked not to do?",
    "arithmetic": "Is the result of the calculation right?",
}
"""What the graders of the registry ask, in one question."""

PLAYED: Final = (
    "its samples are played over several turns by a program of its own; answers from a file cannot "
    "stand for that"
)
PICTURES: Final = "its samples are pictures, and Tunewell evaluates text"
LEFT_ARGUMENTS: Final[Mapping[str, str]] = {
    "few_shot_jsonl": "solved examples are drawn from training rows here: evaluate.shots",
    "num_few_shot": "solved examples are drawn from training rows here: evaluate.shots",
    "eval_type": "a judge gives its reason first, always",
    "metaeval": "a judge is held against people instead",
    "multicomp_n": "answers are judged one by one",
    "sample_kwargs": "answers are drawn greedily, so that they repeat",
    "n_samples": "data.limit bounds the rows of a source; all of them count here",
    "max_tokens": "evaluate.max_new_tokens",
    "instructions": "write it into task.instruction",
    "samples_renamings": "rename the columns of the file",
}


def is_evals_registry(value: Mapping[str, Any]) -> bool:
    """Whether a file is one of the registry's."""
    entries = [each for each in value.values() if isinstance(each, Mapping)]
    has_class = any(_class_path(each).startswith("evals.") for each in entries)
    return len(entries) == len(value) > 0 and has_class


@dataclass
class _Registry:
    """One file of the registry.

    Attributes:
        keys: Its keys.
        specs: Its evaluations by name.
        bases: What names an evaluation by its ``id``.
        data: Where samples are.
        graders: Where the specifications of graders are.
    """

    keys: SourceKeys
    specs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    bases: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    data: tuple[Path, ...] = ()
    graders: Path = Path()

    @classmethod
    def of(cls, value: Mapping[str, Any], path: Path, data: Path | None) -> _Registry:
        """Sort the entries of a file."""
        found = cls(SourceKeys(value))
        for name, entry in value.items():
            if "class" in entry:
                found.specs[name] = entry
            else:
                found.bases[name] = entry
        registry = path.resolve().parent.parent
        found.data = (*([data] if data else []), registry / "data", path.resolve().parent)
        found.graders = registry / "modelgraded"
        return found

    def samples(self, name: str) -> Path | None:
        """The file of samples, if it is here."""
        found = (file_beside(folder, name) for folder in self.data)
        return next(filter(None, found), None)


def read_evals(
    value: Mapping[str, Any],
    path: Path,
    *,
    only: str = "",
    data: Path | None = None,
    judge: NamedJudge = NOBODY,
) -> Blueprint:
    """A project from a file of the registry.

    A file may hold several evaluations. Those that measure the same become one project; others
    need projects of their own, and are named.

    Args:
        value: The file.
        path: Where it is.
        only: The evaluation that is meant, where the file holds several.
        data: Folder of the samples, where they are not in the registry.
        judge: Who judges what a model graded.

    Raises:
        DataError: No evaluation of the file can be carried over.
        UserError: There is none of that name.
    """
    registry = _Registry.of(value, path, data)
    chosen = _chosen(registry, only, path)
    plan = Blueprint(
        name=slug(path.stem if len(chosen) > 1 else chosen[0].rsplit(".", 2)[0]),
        asked="the question of a sample",
        answered="the answer that is graded",
    )
    plan.about = _description(registry, chosen) or f"Evaluates {path.stem} of OpenAI Evals."
    _bases(registry, plan)
    rows: list[EvalRow] = []
    for name in chosen:
        rows += _samples(registry, plan, name)
    for name in registry.specs.keys() - set(chosen):
        entry = registry.specs[name]
        why = _why_not(_class_of(entry)) or (
            "it measures something else and needs a project of its own: tunewell import "
            f"{path.name} FOLDER --only {name}"
        )
        registry.keys.leave(name, why)
    _metric(registry, plan, chosen, judge)
    _write_rows(plan, rows, chosen, registry)
    plan.notes.append(
        "Nothing was trained by this file: its rows are a test set (role: test). Add training rows "
        "under data, or evaluate outputs: tunewell evaluate --predictions FILE."
    )
    plan.lines = registry.keys.finish({})
    return plan


def _class_path(entry: Mapping[str, Any]) -> str:
    return str(entry.get("class", "")).strip()


def _class_of(entry: Mapping[str, Any]) -> str:
    """``Match`` of ``evals.elsuite.basic.match:Match``."""
    return _class_path(entry).rsplit(":", 1)[-1]


def _why_not(kind: str) -> str:
    """Why evaluations of a class cannot be carried over; empty if they can."""
    possible = dict.fromkeys([*METRICS, GRADED], "")
    return {**possible, "MMMU": PICTURES}.get(kind, PLAYED)


def _arguments(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(entry.get("args"))


def _signature(entry: Mapping[str, Any]) -> tuple[object, ...]:
    """What decides the metric of an evaluation."""
    arguments = _arguments(entry)
    kind = _class_of(entry)
    decides = ("ignore_case", "modelgraded_spec", "modelgraded_spec_args")
    metric = METRICS.get(kind, {}).get("name", kind)
    return (metric, *(str(arguments.get(name)) for name in decides))


def _chosen(registry: _Registry, only: str, path: Path) -> list[str]:
    """The evaluations that become the project."""
    if only:
        names = [n for n in registry.specs if n == only] or _of_base(registry, only)
        if not names:
            known = ", ".join([*registry.specs, *registry.bases])
            raise UserError(f"there is no evaluation {only!r} in {path.name}; it has: {known}")
    else:
        names = list(registry.specs)
    possible = [name for name in names if not _why_not(_class_of(registry.specs[name]))]
    if not possible:
        kinds = sorted({_class_of(registry.specs[name]) for name in names})
        why = _why_not(kinds[0])
        raise DataError(
            f"no evaluation of {path.name} can be carried over: {one_of(kinds)}: {why}",
            hint="run it where it is, and judge its outputs: tunewell evaluate --predictions FILE",
        )
    first = _signature(registry.specs[possible[0]])
    return [name for name in possible if _signature(registry.specs[name]) == first]


def _of_base(registry: _Registry, name: str) -> list[str]:
    base = registry.bases.get(name, {})
    wanted = str(base.get("id", ""))
    return [spec for spec in registry.specs if spec == wanted]


def _description(registry: _Registry, chosen: list[str]) -> str:
    named = [base for base in registry.bases.values() if base.get("id") in chosen]
    named += [registry.specs[name] for name in chosen]
    said = (text(each.get("description")).strip() for each in named)
    return next(filter(None, said), "")


def _bases(registry: _Registry, plan: Blueprint) -> None:
    """The entries that name evaluations."""
    keys = registry.keys
    for name in registry.bases:
        keys.carry(f"{name}.id", "task.name", "the name of an evaluation")
        keys.carry(f"{name}.description", "task.about")
        for key in ("metrics", "metric"):
            keys.change(f"{name}.{key}", "metrics", "the mean of every metric, with its interval")
        keys.leave(f"{name}.disclaimer", "a remark for readers")
        if keys.get(f"{name}.disclaimer"):
            plan.notes.append(in_short(keys.get(f"{name}.disclaimer")))


def _samples(registry: _Registry, plan: Blueprint, name: str) -> Iterator[EvalRow]:
    """The rows of one evaluation, and what became of its keys."""
    keys, entry = registry.keys, registry.specs[name]
    kind = _class_of(entry)
    keys.carry(f"{name}.class", "metrics", METRICS.get(kind, {}).get("name", WHY))
    keys.carry(f"{name}.description", "task.about")
    arguments = _arguments(entry)
    for argument, why in LEFT_ARGUMENTS.items():
        keys.leave(f"{name}.args.{argument}", why)
    if "ignore_case" in arguments:
        keys.carry(f"{name}.args.ignore_case", "metrics.options.ignore_case")
    if isinstance(arguments.get("task_description"), str):
        plan.instruction = arguments["task_description"]
        keys.carry(f"{name}.args.task_description", "task.instruction")
    for argument in ("dataset", "subset"):
        keys.change(f"{name}.args.{argument}", ROWS, "it is on the hub: nothing is fetched")
        if argument in arguments:
            plan.todo.append(f"fetch {arguments[argument]} and write its rows to {ROWS}")
    wanted = arguments.get("samples_jsonl")
    if not isinstance(wanted, str):
        return
    found = registry.samples(wanted)
    if found is None:
        keys.change(f"{name}.args.samples_jsonl", ROWS, "the file is not here: nothing is fetched")
        plan.todo.append(
            f"get {wanted} (evals/registry/data, Git LFS) and import again with --data FOLDER"
        )
        return
    keys.carry(f"{name}.args.samples_jsonl", ROWS)
    for number, sample in enumerate(read_rows(found), 1):
        yield _row(sample, name, number, found)


def _row(sample: Any, name: str, number: int, path: Path) -> EvalRow:
    """One sample.

    Raises:
        DataError: It has no question.
    """
    asked = turns_of(mapping(sample).get("input"))
    if not asked:
        raise DataError(
            "a sample needs an 'input': a text or messages", place=f"{path.name}:{number}"
        )
    answers = answers_of(sample.get("ideal"))
    rest = {key: sample[key] for key in sample if key not in {"input", "ideal"}}
    tags = {str(key): "\n".join(answers_of(value)) for key, value in rest.items()}
    return EvalRow(
        id=f"{name}-{number}",
        asked=asked,
        answers=answers,
        kind=name,
        tags={key: value for key, value in tags.items() if value},
    )


def _metric(registry: _Registry, plan: Blueprint, chosen: list[str], judge: NamedJudge) -> None:
    """The metric of the evaluations that were chosen."""
    entry = registry.specs[chosen[0]]
    kind = _class_of(entry)
    if kind == GRADED:
        _graded(registry, plan, chosen, judge)
        return
    metric = {key: value for key, value in METRICS[kind].items()}
    if _arguments(entry).get("ignore_case") is True:
        metric["options"] = {**metric["options"], "ignore_case": True}
    plan.add_metric(metric)
    if kind == "Translate":
        plan.notes.append("BLEU became chrF, which holds for single sentences too.")


def _graded(registry: _Registry, plan: Blueprint, chosen: list[str], judge: NamedJudge) -> None:
    """A model's verdict as a question to people."""
    spec = str(_arguments(registry.specs[chosen[0]]).get("modelgraded_spec", ""))
    criteria = _arguments(registry.specs[chosen[0]]).get("modelgraded_spec_args")
    question = _question(registry, spec)
    if isinstance(criteria, Mapping):
        question += " " + " ".join(map(str, criteria.values()))
    named = ask(plan, spec or "verdict", question, judge)
    for name in chosen:
        keys = registry.keys
        keys.change(f"{name}.args.modelgraded_spec", f"people.rubric: {named}", WHY)
        keys.change(f"{name}.args.modelgraded_spec_args", f"people.rubric: {named}", WHY)


def _question(registry: _Registry, spec: str) -> str:
    """What a grader asks: of its file where that is here, else in our words."""
    path = registry.graders / f"{file_name(spec)}.yaml"
    if path.is_file():
        prompt = text(mapping(mapping(read_value(path)).get(spec)).get("prompt"))
        if prompt:
            return prompt
    return QUESTIONS.get(spec, f"Does the answer pass the check {spec!r} of the evaluation?")


def _write_rows(
    plan: Blueprint, rows: list[EvalRow], chosen: list[str], registry: _Registry
) -> None:
    plan.data.append({"path": ROWS, "role": "test"})
    if rows:
        plan.files[ROWS] = as_lines(rows)
    if len(chosen) > 1:
        plan.slices.append({"field": "kind"})
