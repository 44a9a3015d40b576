"""promptfoo configurations: prompts, providers and tests.

Source: promptfoo's configuration reference. Templates are filled with plain variables only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tunewell.errors import UserError
from tunewell.importers.blueprint import Blueprint, file_name, slug
from tunewell.importers.evaluations.graders import keep_code
from tunewell.importers.evaluations.judged import NOBODY, OPENAI, NamedJudge, ask
from tunewell.importers.evaluations.promptfoo_asserts import CarriedAssert, Filled, read_assert
from tunewell.importers.evaluations.promptfoo_tests import (
    QUESTION,
    ROWS,
    TEXT_FILES,
    PromptfooTest,
    TestReader,
)
from tunewell.importers.evaluations.row_file import EvalRow, as_lines, turns_of
from tunewell.importers.plain_values import first_text, listed, mapping, text
from tunewell.importers.source_files import file_beside, read_text
from tunewell.importers.source_keys import SourceKeys, in_short
from tunewell.json_text import parse_json

OWN_KEYS: Final = frozenset({"prompts", "providers", "targets", "tests", "scenarios", "redteam"})
MOST_QUESTIONS: Final = 20
OF_ROW: Final = "Does the answer do what its row asks?"
_LONGEST_NAME: Final = 40
_CODE: Final = re.compile(r"^\S+\.(py|js|ts|mjs|cjs|rb|sh)(:\w+)?$")
"""A prompt that is a file of code."""
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
    "defaultTest": "it is in another file, which is not read",
    "scenarios.*": "it has no counterpart",
    "tests.*": "it has no counterpart",
    "prompts.*": "a remark for readers",
    "assertionTemplates*": "they count where a test names them",
}


def is_promptfoo(value: Mapping[str, Any]) -> bool:
    """Whether a configuration is one of promptfoo's."""
    return len(OWN_KEYS & value.keys()) >= 2


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


class PromptfooReader:
    """Reads one configuration."""

    def __init__(self, value: Mapping[str, Any], path: Path, judge: NamedJudge, only: str) -> None:
        self.keys = SourceKeys(value)
        self.folder = path.parent
        self.only = only
        self.judge = judge
        said = text(value.get("description"))
        self.plan = Blueprint(name=slug(said or path.parent.name))
        self.plan.about = said or f"Evaluates what {path.name} of promptfoo tests."
        self.plan.asked = "a prompt with its variables"
        self.plan.answered = "the answer that is checked"
        self.asked: dict[str, str] = {}
        self.noted: set[str] = set()
        self.rows: list[EvalRow] = []

    def read(self) -> Blueprint:
        """The project."""
        self.keys.carry("description", "task.about")
        template = self._prompt()
        default = mapping(self.keys.get("defaultTest"))
        self.keys.carry("defaultTest.vars", QUESTION)
        shared = list(_flat(listed(default.get("assert")), "defaultTest.assert"))
        tests = TestReader(self.keys, self.folder, mapping(default.get("vars")))
        for test in tests.read():
            self._test(test, template, shared)
        for name in dict.fromkeys(tests.unread):
            self.plan.todo.append(f"{in_short(name)} is not read: write what it gives to {ROWS}")
        self._rows()
        self._questions()
        self.plan.lines = self.keys.finish(REASONS)
        return self.plan

    # --- prompts ----------------------------------------------------------------------------------

    def _prompt(self) -> str:
        """The template that rows are asked by: the first, or the one that is named."""
        prompts = self.keys.get("prompts")
        given = listed(prompts) or list(filter(None, [prompts]))
        if not given:
            return ""
        number = self._number(given)
        chosen = given[number]
        for part in ("raw", "id"):
            self.keys.carry(f"prompts.{number}.{part}", QUESTION)
        others = f"the prompt {number + 1} of {len(given)}; others: --only N"
        why = others if len(given) > 1 else ""
        if not any(isinstance(each, Mapping) for each in given):
            self.keys.carry("prompts", QUESTION, why)
        return self._template(first_text(chosen, ("raw", "id")) or chosen)

    def _number(self, prompts: list[Any]) -> int:
        """Which prompt is meant, from 0.

        Raises:
            UserError: There is none of that number.
        """
        numbers = {"": 0} | {str(place + 1): place for place in range(len(prompts))}
        if self.only not in numbers:
            raise UserError(f"--only names one of the {len(prompts)} prompts by its number")
        return numbers[self.only]

    def _template(self, prompt: Any) -> str:
        """The text of a prompt, its own or that of a file."""
        if not isinstance(prompt, str):
            return json.dumps(prompt)
        if _CODE.search(prompt):
            self.plan.notes.append(
                f"The prompt {in_short(prompt)} is code, which is never run on import: rows are "
                "asked by their variables alone. Write the prompt into task.instruction."
            )
            return ""
        is_path = prompt.startswith("file://") or Path(prompt).suffix in TEXT_FILES
        found = file_beside(self.folder, prompt) if is_path else None
        return read_text(found) if found else prompt

    # --- tests ------------------------------------------------------------------------------------

    def _test(self, test: PromptfooTest, template: str, shared: list[tuple[str, Any]]) -> None:
        """One test as a row."""
        fill = Filled(test.variables)
        self._carry(f"{test.key}.vars", QUESTION)
        self._carry(f"{test.key}.description", f"{ROWS}: tags.description")
        row = EvalRow(id=f"test-{len(self.rows) + 1}", asked=self._question(template, fill, test))
        row.tags |= {f"var_{name}": str(value) for name, value in test.variables.items()}
        row.tags["description"] = test.description

        at = f"{test.key}.assert" if test.key else ""
        found = []
        for key, given in [*shared, *_flat(test.asserts, at)]:
            carried = read_assert(given, fill)
            self._note(key, carried, given)
            found.append(carried)
        checks = [carried.check for carried in found if carried.check]
        row.tags["checks"] = json.dumps(checks, ensure_ascii=False) if checks else ""
        row.tags["rubric"] = "\n".join(filter(None, (carried.question for carried in found)))
        row.answers = [carried.gold for carried in found if carried.gold]
        row.tags = {name: value for name, value in row.tags.items() if value}
        self.rows.append(row)

    def _question(self, template: str, fill: Filled, test: PromptfooTest) -> list[tuple[str, str]]:
        if not template:
            return [("user", "\n".join(map(str, test.variables.values())))]
        if fill.left_in(template):
            self.plan.notes.append(
                "A prompt holds more than plain variables (filters, loops); these parts stand as "
                "they are."
            )
        filled = fill(template)
        return _turns_in(filled) or [("user", filled)]

    def _carry(self, key: str, to: str) -> None:
        """Note a key, once."""
        if key not in self.noted:
            self.keys.carry(key, to)
            self.noted.add(key)

    def _note(self, key: str, found: CarriedAssert, given: Any) -> None:
        """What became of an assertion, once."""
        if found.question:
            name = text(mapping(given).get("metric")) or found.question[:_LONGEST_NAME]
            self.asked.setdefault(found.question, name)
        if not key or key in self.noted:
            return
        self.noted.add(key)
        self._keep(found.code)
        if found.fate == "carried over":
            self.keys.carry(key, f"{ROWS}: tags.checks")
        elif found.fate == "changed":
            to = f"{ROWS}: tags.checks" if found.check else "people.rubric"
            self.keys.change(key, to, found.why)
        else:
            self.keys.leave(key, found.why)

    def _keep(self, code: str) -> None:
        """Code of an assertion, its own or that of a file beside the configuration, as text."""
        if not code:
            return
        name, _, _ = code.removeprefix("file://").partition(":")
        found = file_beside(self.folder, name) if code.startswith("file://") else None
        place = file_name(found.name) if found else "assertions"
        keep_code(self.plan, f"kept/{place}.txt", read_text(found) if found else code)

    # --- metrics ----------------------------------------------------------------------------------

    def _rows(self) -> None:
        """The rows, and the metrics that they bring."""
        plan = self.plan
        plan.data.append({"path": ROWS, "role": "test"})
        if not self.rows:
            plan.todo.append(f"write test rows to {ROWS}: the configuration has none that are read")
            return
        plan.files[ROWS] = as_lines(self.rows)
        if any("checks" in row.tags for row in self.rows):
            plan.add_metric({"name": "row_checks"})
        if all(row.answers for row in self.rows):
            plan.add_metric({"name": "normalised"})

    def _questions(self) -> None:
        """What a model graded, as questions to people."""
        plan, judge = self.plan, self._own_judge()
        is_shared = len({row.tags.get("rubric") for row in self.rows}) == 1
        if is_shared and len(self.asked) <= MOST_QUESTIONS:
            for question, name in self.asked.items():
                ask(plan, name, question, judge)
        elif self.asked:
            ask(plan, "meets_rubric", OF_ROW, judge, per_row="tags.rubric")
            plan.notes.append(
                f"{len(self.asked)} questions differ from row to row: each row has its own in the "
                "tag 'rubric', which people and judges read beside the question."
            )
        if not plan.metrics and not plan.rubric:
            plan.notes.append(
                "No assertion could be carried over as a metric: name what a good answer is under "
                "metrics."
            )

    def _own_judge(self) -> NamedJudge:
        """The judge that is named on the command line, else the one of the configuration."""
        named = text(self.keys.get("defaultTest.options.provider"))
        if self.judge.model or not named.startswith("openai:"):
            return self.judge
        self.keys.carry("defaultTest.options.provider", "metrics: options.model")
        return NamedJudge(named.rsplit(":", 1)[-1], OPENAI)


def _flat(asserts: list[Any], key: str) -> Iterator[tuple[str, Any]]:
    """Assertions, those of sets among them, each with its key."""
    for number, given in enumerate(asserts):
        at = f"{key}.{number}" if key else ""
        inner = listed(mapping(given).get("assert"))
        if inner:
            yield from _flat(inner, f"{at}.assert" if at else "")
        else:
            yield at, given


def _turns_in(prompt: str) -> list[tuple[str, str]]:
    """The turns of a prompt that is a list of messages as JSON; none if it is not."""
    if not prompt.lstrip().startswith("["):
        return []
    try:
        return turns_of(parse_json(prompt))
    except ValueError:
        return []
