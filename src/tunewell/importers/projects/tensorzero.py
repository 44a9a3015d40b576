"""TensorZero configurations: functions, their variants and evaluators.

Source: the examples and the configuration reference of tensorzero/tensorzero (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tunewell.errors import UserError
from tunewell.importers.blueprint import Blueprint, slug
from tunewell.importers.evaluations.judged import NOBODY, OPENAI, NamedJudge, Scale, ask
from tunewell.importers.plain_values import mapping, text
from tunewell.importers.source_files import file_beside, read_text, read_value
from tunewell.importers.source_keys import SourceKeys
from tunewell.importers.training import datasets

OWN_KEYS: Final = frozenset(
    {"functions", "models", "metrics", "gateway", "tools", "evaluations", "embedding_models"}
    | {"provider_types", "rate_limiting", "postgres", "clickhouse", "object_storage"}
)
TEXT_FILES: Final = (".txt", ".md", ".minijinja", ".j2", ".jinja")
REASONS: Final = {
    "gateway*": "a setting of the gateway: tunewell gateway serve",
    "models.*": "a model behind the gateway: gateway.servers and gateway.arms",
    "embedding_models.*": "a model behind the gateway",
    "providers*": "a model behind the gateway: gateway.servers",
    "provider_types*": "a model behind the gateway: gateway.servers",
    "rate_limiting*": "a setting of the gateway",
    "clickhouse*": "a setting of the gateway",
    "postgres*": "a setting of the gateway",
    "object_storage*": "a setting of the gateway",
    "autopilot*": "a service elsewhere",
    "optimizers*": "Tunewell trains by its own recipe: train",
    "metrics.*": "feedback of users: tunewell traffic import brings it beside the requests",
    "tools.*": "definitions of tools are read from the rows (tools)",
    "functions.*.tools*": "definitions of tools are read from the rows (tools)",
    "functions.*.tool_choice": "definitions of tools are read from the rows (tools)",
    "functions.*.parallel_tool_calls": "definitions of tools are read from the rows (tools)",
    "functions.*.experimentation*": "versions are compared on traffic: gateway.arms, compare",
    "functions.*.evaluators.*": "a setting of the judge's own prompt",
    "functions.*.variants.*": "answers are drawn greedily, so that they repeat",
    "functions.*": "it has no counterpart",
    "evaluations.*": "a setting of the judge's own prompt",
}


def is_tensorzero(value: Mapping[str, Any], path: Path) -> bool:
    """Whether a configuration is one of TensorZero's."""
    if path.name == "tensorzero.toml":
        return True
    return path.suffix == ".toml" and bool(OWN_KEYS & value.keys())


def read_tensorzero(
    value: Mapping[str, Any], path: Path, *, only: str = "", judge: NamedJudge = NOBODY
) -> Blueprint:
    """A project from one function of a TensorZero configuration.

    Args:
        value: The configuration.
        path: Its file.
        only: The function that is meant; the first if empty.
        judge: Who judges in the place of its own evaluators.

    Raises:
        UserError: There is no function (of that name).
    """
    keys = SourceKeys(value)
    functions = keys.get("functions")
    known = list(mapping(functions))
    if not known:
        raise UserError(
            f"{path.name} defines no function: there is nothing to evaluate or train",
            hint="import the file that has [functions.NAME]",
        )
    name = only or known[0]
    if name not in known:
        raise UserError(f"there is no function {name!r} in {path.name}; it has: {', '.join(known)}")
    plan = Blueprint(name=slug(name), about=f"The function {name} of a TensorZero gateway.")
    reader = _Function(plan, keys, path, f"functions.{name}.")
    reader.kind()
    reader.variants()
    reader.evaluators(judge)
    for other in known:
        if other != name:
            keys.leave(
                f"functions.{other}",
                f"a project of its own: tunewell import {path.name} FOLDER --only {other}",
            )
    datasets.without_data(plan, "A TensorZero configuration holds no rows.")
    plan.todo.append(
        "bring what was asked and answered in use: export inferences and feedback as JSON lines, "
        "then tunewell traffic import FILE"
    )
    plan.lines = keys.finish(REASONS)
    return plan


class _Function:
    """Reads one function."""

    def __init__(self, plan: Blueprint, keys: SourceKeys, path: Path, at: str) -> None:
        self.plan = plan
        self.keys = keys
        self.path = path
        self.at = at

    def kind(self) -> None:
        """Whether it answers in JSON, and how."""
        self.keys.carry(f"{self.at}type", "task")
        self.keys.carry(f"{self.at}description", "task.about")
        said = self.keys.get(f"{self.at}description")
        if isinstance(said, str) and said.strip():
            self.plan.about = said
        schema = self._value(f"{self.at}output_schema")
        if isinstance(schema, Mapping):
            options = {"schema": dict(schema)}
            self.plan.add_metric({"name": "schema", "options": options})
            self.keys.carry(f"{self.at}output_schema", "metrics: schema")
        elif self.keys.has(f"{self.at}output_schema"):
            self.keys.leave(f"{self.at}output_schema", "the file is not beside the configuration")
        for side in ("system_schema", "user_schema", "assistant_schema", "schemas"):
            self.keys.leave(f"{self.at}{side}", "the columns of the rows are told by the rows")

    def variants(self) -> None:
        """The first variant (or the heaviest) is what is in production."""
        variants = self.keys.get(f"{self.at}variants")
        if not isinstance(variants, Mapping) or not variants:
            return
        name = max(variants, key=lambda each: _weight(variants[each]))
        at = f"{self.at}variants.{name}."
        model = self.keys.get(f"{at}model")
        if isinstance(model, str):
            self._production(at, model)
        self._instruction(at)
        self.keys.carry(f"{at}weight", "the variant in use")
        tokens = self.keys.get(f"{at}max_tokens")
        if isinstance(tokens, int):
            self.plan.fit(self.keys, f"{at}max_tokens", "evaluate.max_new_tokens")
        for other in variants:
            if other != name:
                self.keys.leave(
                    f"{self.at}variants.{other}", "another variant: add it to evaluate.arms"
                )

    def _production(self, at: str, model: str) -> None:
        provider, separator, name = model.partition("::")
        if separator and provider == "openai":
            arm = {"name": "production", "model": name, "url": OPENAI}
            self.plan.set("evaluate", "arms", [arm])
            self.keys.carry(f"{at}model", "evaluate.arms: production")
        else:
            self.keys.change(
                f"{at}model",
                "evaluate.arms",
                "name its OpenAI-compatible server there to compare with it",
            )

    def _instruction(self, at: str) -> None:
        for key in (
            "system_template",
            "templates.system.path",
            "system_instructions",
            "system_template.path",
        ):
            given = self.keys.get(f"{at}{key}")
            instruction = self._text(text(given))
            if instruction:
                self.plan.instruction = instruction
                self.keys.carry(f"{at}{key}", "task.instruction", "as text, templates not filled")
                return

    def evaluators(self, judge: NamedJudge) -> None:
        """Evaluators of the function, and of evaluations that name it."""
        places = [f"{self.at}evaluators"]
        evaluations = self.keys.get("evaluations")
        function = self.at.removeprefix("functions.").removesuffix(".")
        for name, each in mapping(evaluations).items():
            if isinstance(each, Mapping) and each.get("function_name") == function:
                self.keys.carry(f"evaluations.{name}.function_name", "task.name")
                self.keys.carry(f"evaluations.{name}.type", "evaluate")
                places.append(f"evaluations.{name}.evaluators")
        for place in places:
            found = self.keys.get(place)
            for name in mapping(found):
                self._evaluator(f"{place}.{name}.", str(name), judge)

    def _evaluator(self, at: str, name: str, judge: NamedJudge) -> None:
        kind = self.keys.get(f"{at}type")
        if kind == "exact_match":
            named = self.plan.add_metric({"name": name, "options": {"metric": "exact"}})
            self.keys.carry(f"{at}type", f"metrics: {named}")
        elif kind == "llm_judge":
            self._judged(at, name, judge)
        else:
            self.keys.leave(f"{at}type", f"there is no counterpart of {kind!r}")

    def _judged(self, at: str, name: str, judge: NamedJudge) -> None:
        """The verdict of a model, as a question to people."""
        variant = f"{at}variants.{next(iter(mapping(self.keys.get(f'{at}variants'))), '')}."
        question = self._text(text(self.keys.get(f"{variant}system_instructions")))
        provider, _, model = text(self.keys.get(f"{variant}model")).partition("::")
        if not judge.model and provider == "openai":
            judge = NamedJudge(model, OPENAI)
        scale: Scale = "1-5" if self.keys.get(f"{at}output_type") == "float" else "yes/no"
        asked = question or f"Does the answer pass {name!r}?"
        named = ask(self.plan, name, asked, judge, scale=scale)
        self.keys.change(f"{at}type", f"people.rubric: {named}", "asked of people as well")
        self.keys.change(f"{at}output_type", f"people.rubric: {named}", f"asked as {scale}")
        if question:
            self.keys.carry(f"{variant}system_instructions", f"people.rubric: {named}")

    def _text(self, name: str) -> str:
        """The text of a file beside the configuration; empty if it is not there."""
        found = file_beside(self.path.parent, name)
        is_text = found is not None and found.suffix.lower() in TEXT_FILES
        return read_text(found) if found and is_text else ""

    def _value(self, key: str) -> Any:
        """The value of a JSON file beside the configuration; None if it is not there."""
        found = file_beside(self.path.parent, text(self.keys.get(key)))
        is_json = found is not None and found.suffix == ".json"
        return read_value(found) if found and is_json else None


def _weight(variant: Any) -> float:
    given = mapping(variant).get("weight")
    return float(given) if isinstance(given, int | float) else 0.0
