"""promptfoo configurations: prompts, providers and tests.

Source: promptfoo's configuration reference. Templates are filled with plain variables only.
"""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tunewell.errors import UserError
from tunewell.importers.blueprint import Blueprint, file_name, slug
from tunewell.importers.evaluations.graders import keep_code
from tunewell.importers.evaluations.judged import NOBODY, OPENAI, NamedJudge, ask
from tunewell.importers.evaluations.promptfoo_asserts import CarriedAssert, Filled, read_assert
from tunewell.importers.evaluations.row_file import EvalRow, as_lines, turns_of
from tunewell.importers.plain_values import listed, mapping
from tunewell.importers.source_files import read_text, read_value
from tunewell.importers.source_keys import SourceKeys, in_short
from tunewell.json_text import parse_json
from tunewell.safe_text import cells_of_any_size

ROWS: Final = "data/tests.jsonl"
OWN_KEYS: Final = frozenset({"prompts", "providers", "targets", "tests", "scenarios", "redteam"})
_CODE: Final = re.compile(r"^\S+\.(py|js|ts|mjs|cjs|rb|sh)(:\w+)?$")
"""A prompt, test or assertion that is a file of code."""
MOST_VARIANTS: Final = 1000
"""Combinations of the listed variables of one test."""
TEXT_FILES: Final = (".txt", ".md", ".json", ".yaml", ".yml", ".j2", ".jinja", "")
REASONS: Final = {
    "providers*": "the model that is evaluated is the one you train; others: evaluate.arms",
    "targets*": "the model that is evaluated is the one you train; others: evaluate.arms",
    "evaluateOptions*": "it decides how promptfoo runs",
    "commandLineOptions*": "it decides how promptfoo runs",
    "outputPath": "results lie in .tunewell/ of the project",
    "writeLatestResults": "results lie in .tunewell/ of the project",
    "sharing*": "nothing is shared",
    "env*": "variables are those of the shell",
    "redteam*": "attacks are not made; give them as test rows",
    "extensions*": "code is never run on import",
    "hooks*": "code is never run on import",
    "nunjucksFilters*": "code is never run on import",
    "derivedMetrics*": "metrics stay apart: each has its own interval and gate",
    "metadata*": "a remark for readers",
    "tags*": "a remark for readers",
    "tracing*": "traces are read by: tunewell traffic import",
    "defaultTest.options*": "it decides how promptfoo asks and grades",
    "defaultTest.threshold": "a gate holds the mean against a threshold",
    "defaultTest.*": "it has no counterpart",
    "scenarios.*": "it has no counterpart",
    "tests.*": "it has no counterpart",
    "prompts.*": "a remark for readers",
    "assertionTemplates*": "they count where a test names them",
}


def is_promptfoo(value: Mapping[str, Any]) -> bool:
    """Whether a configuration is one of promptfoo's."""
    return len(OWN_KEYS & value.keys()) >= 2 or {"prompts", "tests"} <= value.keys()


@dataclass
class _Test:
    """One test, with where it stands."""

    key: str
    value: Mapping[str, Any]
    variables: dict[str, Any] = field(default_factory=dict)


class PromptfooReader:
    """Reads one configuration."""

    def __init__(self, value: Mapping[str, Any], path: Path, judge: NamedJudge, only: str) -> None:
        self.keys = SourceKeys(value)
        self.path = path
        self.only = only
        self.judge = judge
        self.plan = Blueprint(name=slug(str(value.get("description") or path.parent.name)))
        self.shared: list[CarriedAssert] = []
        self.asked: dict[str, str] = {}
        self.rows: list[EvalRow] = []

    def read(self) -> Blueprint:
        """The project."""
        plan, keys = self.plan, self.keys
        said = keys.get("description")
        keys.carry("description", "task.about")
        plan.about = str(said or f"Evaluates what {self.path.name} of promptfoo tests.")
        plan.asked, plan.answered = "a prompt with its variables", "the answer that is checked"
        template = self._prompt()
        self._defaults()
        for number, test in enumerate(self._tests(), 1):
            self._test(test, template, number)
        self._finish()
        plan.lines = keys.finish(REASONS)
        return plan

    # --- prompts ----------------------------------------------------------------------------------

    def _prompt(self) -> str:
        """The template that rows are asked by: the first, or the one that is named."""
        prompts = self.keys.get("prompts")
        given = listed(prompts) or ([prompts] if prompts else [])
        if not given:
            return ""
        chosen = self._chosen(given)
        template = self._text_of_prompt(given[chosen])
        if not any(isinstance(each, Mapping) for each in given):
            why = f"the prompt {chosen + 1} of {len(given)}; others: --only N"
            self.keys.carry("prompts", f"{ROWS}: the question", why if len(given) > 1 else "")
            return template
        for number, prompt in enumerate(given):
            if number == chosen:
                self._note_prompt(f"prompts.{number}", prompt)
            else:
                why = f"rows are asked in one way: import again with --only {number + 1}"
                self.keys.leave(f"prompts.{number}", why)
        return template

    def _chosen(self, prompts: list[Any]) -> int:
        """Which prompt is meant.

        Raises:
            UserError: There is none of that number.
        """
        if not self.only:
            return 0
        if self.only.isdigit() and 1 <= int(self.only) <= len(prompts):
            return int(self.only) - 1
        raise UserError(f"--only names one of the {len(prompts)} prompts by its number")

    def _note_prompt(self, key: str, prompt: Any) -> None:
        for part in ("raw", "id"):
            if isinstance(prompt, Mapping) and part in prompt:
                self.keys.carry(f"{key}.{part}", f"{ROWS}: the question")
        if not isinstance(prompt, Mapping):
            self.keys.carry(key, f"{ROWS}: the question")

    def _text_of_prompt(self, prompt: Any) -> str:
        if isinstance(prompt, Mapping):
            prompt = prompt.get("raw", prompt.get("id", ""))
        if isinstance(prompt, list):
            return json.dumps(prompt)
        text = str(prompt or "")
        if _CODE.search(text):
            self.plan.notes.append(
                f"The prompt {in_short(text)} is code, which is never run on import: rows are "
                "asked by their variables alone. Write the prompt into task.instruction."
            )
            return ""
        looks_like_path = "\n" not in text and Path(text).suffix in TEXT_FILES[:-1]
        return self._file(text) if text.startswith("file://") or looks_like_path else text

    def _file(self, name: str) -> str:
        """The text of a file beside the configuration; its name where it is not read."""
        wanted = name.removeprefix("file://")
        found = self.path.parent / wanted
        inside = found.resolve().is_relative_to(self.path.parent.resolve())
        if not inside or found.suffix.lower() not in TEXT_FILES or not found.is_file():
            self.plan.notes.append(
                f"{in_short(name)} is not read (no text file in the configuration's folder)."
            )
            return name
        return read_text(found)

    # --- tests ------------------------------------------------------------------------------------

    def _defaults(self) -> None:
        default = self.keys.get("defaultTest")
        if isinstance(default, str):
            self.keys.leave("defaultTest", "it is in another file, which is not read")
            return
        variables = mapping(default).get("vars")
        self.variables = dict(mapping(variables))
        self.keys.carry("defaultTest.vars", f"{ROWS}: the question")
        asserts = mapping(default).get("assert")
        self.default_asserts = listed(asserts)

    def _tests(self) -> Iterator[_Test]:
        """Every test, its variables written out."""
        for key, test in self._listed_tests():
            own = test.get("vars")
            variables = self._variables(mapping(own))
            lists = {name: each for name, each in variables.items() if isinstance(each, list)}
            product = itertools.product(*lists.values())
            for values in itertools.islice(product, MOST_VARIANTS):
                chosen = dict(zip(lists, values, strict=True))
                yield _Test(key, test, {**self.variables, **variables, **chosen})

    def _variables(self, given: Mapping[str, Any]) -> dict[str, Any]:
        found = {}
        for name, value in given.items():
            is_file = isinstance(value, str) and value.startswith("file://")
            found[str(name)] = self._file(value) if is_file else value
        return found

    def _listed_tests(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        tests = self.keys.get("tests")
        yield from self._of(tests, "tests")
        scenarios = self.keys.get("scenarios")
        for number, scenario in enumerate(listed(scenarios)):
            if not isinstance(scenario, Mapping):
                continue
            at = f"scenarios.{number}"
            self.keys.carry(f"{at}.config", f"{ROWS}: the question")
            for base in scenario.get("config") or [{}]:
                shared = mapping(base).get("vars", {})
                for key, test in self._of(scenario.get("tests"), f"{at}.tests"):
                    own = test.get("vars")
                    merged = {**shared, **mapping(own)}
                    yield key, {**test, "vars": merged}

    def _of(self, tests: Any, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The tests of a list, or of the file that is named in its place."""
        if isinstance(tests, str):
            yield from self._of_file(tests, key)
            return
        for number, test in enumerate(listed(tests)):
            if isinstance(test, str):
                yield from self._of_file(test, f"{key}.{number}")
            elif isinstance(test, Mapping) and "path" in test and "vars" not in test:
                yield from self._of_file(str(test["path"]), f"{key}.{number}")
            elif isinstance(test, Mapping):
                yield f"{key}.{number}", test

    def _of_file(self, name: str, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        wanted = name.removeprefix("file://")
        found = self.path.parent / wanted
        kind = found.suffix.lower()
        if kind not in {".csv", ".yaml", ".yml", ".json", ".jsonl"} or not found.is_file():
            why = "it makes tests by code or is elsewhere; only files beside the configuration"
            self.keys.leave(key, f"{why} (CSV, YAML, JSON) are read")
            self.plan.todo.append(f"write the tests of {in_short(name)} to {ROWS}")
            return
        self.keys.carry(key, ROWS)
        values = list(_csv_tests(found)) if kind == ".csv" else read_value(found)
        for test in listed(values):
            if isinstance(test, Mapping):
                yield "", test

    def _test(self, test: _Test, template: str, number: int) -> None:
        """One test as a row."""
        fill = Filled(test.variables)
        if test.key:
            self.keys.carry(f"{test.key}.vars", f"{ROWS}: the question")
            self.keys.carry(f"{test.key}.description", f"{ROWS}: tags.description")
        row = EvalRow(id=f"test-{number}", asked=self._asked(template, fill, test.variables))
        row.tags |= {f"var_{name}": str(value) for name, value in test.variables.items()}
        if test.value.get("description"):
            row.tags["description"] = str(test.value["description"])
        checks: list[dict[str, Any]] = []
        questions: list[str] = []
        golds: list[str] = []
        own = test.value.get("assert")
        at = f"{test.key}.assert" if test.key else ""
        for key, given in [
            *_flat(self.default_asserts, "defaultTest.assert"),
            *_flat(listed(own), at),
        ]:
            found = read_assert(given, fill)
            self._note(key, found, given)
            checks += [found.check] if found.check else []
            questions += [found.question] if found.question else []
            golds += [found.gold] if found.gold else []
        if checks:
            row.tags["checks"] = json.dumps(checks, ensure_ascii=False)
        if questions:
            row.tags["rubric"] = "\n".join(questions)
        row.answers = golds
        self.rows.append(row)

    def _asked(
        self, template: str, fill: Filled, variables: Mapping[str, Any]
    ) -> list[tuple[str, str]]:
        if not template:
            return [("user", "\n".join(map(str, variables.values())))]
        if fill.left_in(template):
            self.plan.notes.append(
                "A prompt holds more than plain variables (filters, loops); these parts stand as "
                "they are."
            )
        text = fill(template)
        if text.lstrip().startswith("["):
            try:
                return turns_of(parse_json(text)) or [("user", text)]
            except ValueError:
                return [("user", text)]
        return [("user", text)]

    def _note(self, key: str, found: CarriedAssert, given: Any) -> None:
        """What became of an assertion, once."""
        if found.code:
            self._keep(found.code)
        if found.question:
            name = mapping(given).get("metric", "")
            self.asked.setdefault(found.question, str(name or found.question[:_LONGEST_NAME]))
        if not key or any(line.key == key for line in self.keys.lines):
            return
        if found.fate == "carried over":
            self.keys.carry(key, f"{ROWS}: tags.checks")
        elif found.fate == "changed":
            to = f"{ROWS}: tags.checks" if found.check else "people.rubric"
            self.keys.change(key, to, found.why)
        else:
            self.keys.leave(key, found.why)

    def _keep(self, code: str) -> None:
        """Code of an assertion, its own or that of a file beside the configuration, as text."""
        name = code.removeprefix("file://").partition(":")[0]
        found = self.path.parent / name
        is_file = code.startswith("file://") and found.is_file()
        if is_file and found.resolve().is_relative_to(self.path.parent.resolve()):
            keep_code(self.plan, f"kept/{file_name(found.name)}.txt", read_text(found))
        else:
            keep_code(self.plan, "kept/assertions.txt", code)

    # --- metrics ----------------------------------------------------------------------------------

    def _finish(self) -> None:
        plan = self.plan
        plan.data.append({"path": ROWS, "role": "test"})
        if self.rows:
            plan.files[ROWS] = as_lines(self.rows)
        else:
            plan.todo.append(f"write test rows to {ROWS}: the configuration has none that are read")
        if any("checks" in row.tags for row in self.rows):
            plan.add_metric({"name": "row_checks"})
        if all(row.answers for row in self.rows) and self.rows:
            plan.add_metric({"name": "normalised"})
        judge = self._own_judge()
        if 0 < len(self.asked) <= MOST_QUESTIONS and self._is_shared():
            for question, name in self.asked.items():
                ask(plan, name, question, judge)
        elif self.asked:
            question = "Does the answer do what its row asks for (tag rubric)?"
            ask(plan, "meets_rubric", question, judge)
            plan.notes.append(
                f"{len(self.asked)} questions differ from row to row: each row has its own in the "
                "tag 'rubric', and people are asked whether the answer meets it."
            )
        if not plan.metrics and not plan.rubric:
            plan.notes.append(
                "No assertion could be carried over as a metric: name what a good answer is under "
                "metrics."
            )

    def _is_shared(self) -> bool:
        """Whether every row is asked the same questions."""
        asked = {row.tags.get("rubric", "") for row in self.rows}
        return len(asked) == 1

    def _own_judge(self) -> NamedJudge:
        """The judge that is named on the command line, else the one of the configuration."""
        named = self.keys.get("defaultTest.options.provider")
        if self.judge.model or not isinstance(named, str) or not named.startswith("openai:"):
            return self.judge
        self.keys.carry("defaultTest.options.provider", "metrics: options.model")
        return NamedJudge(named.rsplit(":", 1)[-1], OPENAI)


MOST_QUESTIONS: Final = 20
_LONGEST_NAME: Final = 40


def _flat(asserts: list[Any], key: str) -> Iterator[tuple[str, Any]]:
    """Assertions, those of sets among them, each with its key."""
    for number, given in enumerate(asserts):
        at = f"{key}.{number}" if key else ""
        inner = mapping(given).get("assert")
        if isinstance(inner, list):
            yield from _flat(inner, f"{at}.assert" if at else "")
        else:
            yield at, given


def _csv_tests(path: Path) -> Iterator[dict[str, Any]]:
    """The tests of a CSV file: a column a variable, ``__expected`` the assertions."""
    with cells_of_any_size():
        for cells in csv.DictReader(read_text(path).splitlines(keepends=True)):
            asserts = []
            variables = {}
            for name, cell in cells.items():
                if name is None or cell is None:
                    continue
                if name.startswith("__expected"):
                    asserts += [_expected(cell)] if cell.strip() else []
                elif not name.startswith("__"):
                    variables[name] = cell
            said = cells.get("__description") or ""
            yield {"vars": variables, "assert": asserts, "description": said}


def _expected(cell: str) -> dict[str, Any]:
    """An assertion in a cell: ``contains: text``, or the answer itself."""
    kind, colon, value = cell.partition(":")
    kind = kind.strip()
    shorthand = {"grade": "llm-rubric", "fn": "javascript", "eval": "javascript"}
    named = shorthand.get(kind, kind)
    known = named.replace("not-", "").replace("-", "").isalpha() and " " not in named
    if colon and known and named == named.lower():
        return {"type": named, "value": value.strip()}
    return {"type": "equals", "value": cell}


def read_promptfoo(
    value: Mapping[str, Any],
    path: Path,
    *,
    only: str = "",
    judge: NamedJudge = NOBODY,
) -> Blueprint:
    """A project from a promptfoo configuration.

    Args:
        value: The configuration.
        path: Its file.
        only: Number of the prompt that is meant, where there are several.
        judge: Who judges in the place of its own graders.
    """
    return PromptfooReader(value, path, judge, only).read()
