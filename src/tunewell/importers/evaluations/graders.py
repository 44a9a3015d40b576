"""OpenAI's graders: string check, text similarity, score model, label model, multi, Python.

Source: the types ``openai.types.graders`` of the package ``openai``. Graders of code are kept as
text and never run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tunewell.importers.blueprint import Blueprint, file_name, metric_name
from tunewell.importers.evaluations.judged import OPENAI, WHY, NamedJudge, Scale, ask
from tunewell.importers.evaluations.row_file import text_of
from tunewell.importers.source_keys import SourceKeys

TYPES: Final = (
    "string_check",
    "text_similarity",
    "score_model",
    "label_model",
    "multi",
    "python",
    "endpoint",
)
OUTPUT: Final = re.compile(r"\{\{\s*sample\.(output_text|output_json|output)\s*\}\}")
ITEM: Final = re.compile(r"\{\{\s*item\.([\w.-]+)\s*\}\}")
_PLACEHOLDER: Final = re.compile(r"\{\{[^{}]*\}\}")

OPERATIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "eq": {"relation": "equals"},
    "ne": {"relation": "equals", "negated": True},
    "like": {"relation": "contains"},
    "ilike": {"relation": "contains", "ignore_case": True},
}
MEASURES: Final[Mapping[str, str]] = {
    "fuzzy_match": "fuzzy",
    "gleu": "gleu",
    "bleu": "gleu",
    "rouge_1": "rouge_1",
    "rouge_2": "rouge_2",
    "rouge_3": "rouge_3",
    "rouge_4": "rouge_4",
    "rouge_5": "rouge_5",
    "rouge_l": "rouge_l",
}


@dataclass
class GraderReader:
    """Reads graders into a project.

    Attributes:
        plan: The project in the making.
        keys: The file that the graders stand in.
        judge: Who judges in the place of the graders' own models, if named.
        target: The field of an item that is the gold answer; found while graders are read.
    """

    plan: Blueprint
    keys: SourceKeys
    judge: NamedJudge
    target: str = ""

    def read(self, place: str) -> None:
        """Read the grader at a dotted key (empty = the whole file)."""
        grader = self.keys.get(place)
        if not isinstance(grader, Mapping):
            self.keys.leave(place, "a grader is a mapping with a type")
            return
        kind = str(grader.get("type", ""))
        readers = {
            "string_check": self._string_check,
            "text_similarity": self._text_similarity,
            "score_model": self._score_model,
            "label_model": self._label_model,
            "multi": self._multi,
            "python": self._python,
        }
        if kind in readers:
            readers[kind](grader, f"{place}." if place else "")
        else:
            why = f"there is no counterpart of a grader of the type {kind!r}"
            self.keys.leave(place or "type", why)

    def _string_check(self, grader: Mapping[str, Any], at: str) -> None:
        options = OPERATIONS.get(str(grader.get("operation")))
        if options is None:
            self.keys.leave(f"{at}operation", "it is none of eq, ne, like and ilike")
            return
        text = self._against_gold(grader, at)
        if text is None:
            return
        more = {"texts": [text]} if text else {}
        self._metric(grader, at, "string_check", {**options, **more})
        self.keys.carry(f"{at}operation", "metrics.options.relation", str(options["relation"]))

    def _text_similarity(self, grader: Mapping[str, Any], at: str) -> None:
        theirs = str(grader.get("evaluation_metric"))
        measure = MEASURES.get(theirs)
        if measure is None:
            self.keys.leave(
                f"{at}evaluation_metric",
                f"{theirs} needs vectors or a dictionary; rouge_l and gleu do not",
            )
            return
        text = self._against_gold(grader, at)
        if text is None:
            return
        options: dict[str, Any] = {"measure": measure}
        if text:
            options["text"] = text
        threshold = grader.get("pass_threshold")
        if isinstance(threshold, int | float) and 0 < threshold <= 1:
            options["pass_at"] = float(threshold)
            self.keys.carry(f"{at}pass_threshold", "metrics.options.pass_at")
        self._metric(grader, at, "text_similarity", options)
        key = f"{at}evaluation_metric"
        if theirs == "bleu":
            self.keys.change(key, "metrics.options.measure", "BLEU of a sentence became GLEU")
        else:
            self.keys.carry(key, "metrics.options.measure")

    def _against_gold(self, grader: Mapping[str, Any], at: str) -> str | None:
        """The text that outputs are held against; empty for the gold answer, None if neither."""
        given, reference = str(grader.get("input", "")), str(grader.get("reference", ""))
        if not OUTPUT.fullmatch(given.strip()) and ITEM.fullmatch(reference.strip()) is None:
            # Some write the two the other way round.
            given, reference = reference, given
        if not OUTPUT.fullmatch(given.strip()):
            self.keys.leave(
                f"{at}input", "only the whole output of the model is graded, not a part of it"
            )
            return None
        self.keys.carry(f"{at}input", "the model's answer")
        field = ITEM.fullmatch(reference.strip())
        if field is None and _PLACEHOLDER.search(reference):
            self.keys.leave(f"{at}reference", "a text made of several fields of an item")
            return None
        if field is None:
            self.keys.carry(f"{at}reference", "metrics.options.text")
            return reference
        if self.target and self.target != field[1]:
            self.keys.leave(
                f"{at}reference",
                f"the gold answer is {self.target!r}; a row has one gold answer",
            )
            return None
        self.target = field[1]
        self.keys.carry(f"{at}reference", f"data.fields.target: {field[1]}")
        return ""

    def _metric(
        self, grader: Mapping[str, Any], at: str, metric: str, options: Mapping[str, Any]
    ) -> None:
        wanted = metric_name(str(grader.get("name", metric)), otherwise=metric)
        name = self.plan.add_metric({"name": wanted, "options": {"metric": metric, **options}})
        self.keys.carry(f"{at}name", f"metrics: {name}")
        self.keys.carry(f"{at}type", f"metrics: {metric}")

    def _score_model(self, grader: Mapping[str, Any], at: str) -> None:
        low, high = _range(grader.get("range"))
        scale: Scale = "yes/no" if high - low <= 1 else "1-5"
        named = self._ask(grader, at, _prompt(grader.get("input")), scale)
        self.keys.change(
            f"{at}range", f"people.rubric: {named}", f"{low:g} to {high:g} became {scale}"
        )
        self.keys.leave(f"{at}pass_threshold", "a gate holds the mean against a threshold")
        self.keys.leave(
            f"{at}sampling_params", "a judge answers greedily; judge.repeats asks again"
        )

    def _label_model(self, grader: Mapping[str, Any], at: str) -> None:
        passing = ", ".join(map(str, grader.get("passing_labels") or []))
        labels = ", ".join(map(str, grader.get("labels") or []))
        question = (
            f"{_prompt(grader.get('input'))} Of the labels {labels}: does it deserve {passing}?"
        )
        named = self._ask(grader, at, question, "yes/no")
        for key in ("labels", "passing_labels"):
            self.keys.change(f"{at}{key}", f"people.rubric: {named}", "asked as yes or no")

    def _ask(self, grader: Mapping[str, Any], at: str, question: str, scale: Scale) -> str:
        model = str(grader.get("model") or "")
        judge = self.judge
        if not judge.model and model:
            judge = NamedJudge(model, OPENAI)
        named = ask(self.plan, str(grader.get("name", "verdict")), question, judge, scale=scale)
        for key in ("type", "input"):
            self.keys.change(f"{at}{key}", f"people.rubric: {named}", WHY)
        self.keys.carry(f"{at}name", f"people.rubric: {named}")
        if judge.model == model:
            self.keys.carry(f"{at}model", f"metrics: {named}: options.model")
        else:
            self.keys.change(f"{at}model", f"metrics: {named}", f"{judge.model} judges instead")
        return named

    def _multi(self, grader: Mapping[str, Any], at: str) -> None:
        graders = grader.get("graders")
        if isinstance(graders, Mapping) and "type" in graders:
            self.read(f"{at}graders")
        else:
            names = graders if isinstance(graders, Mapping) else range(len(graders or []))
            for name in names:
                self.read(f"{at}graders.{name}")
        self.keys.leave(
            f"{at}calculate_output", "metrics stay apart: each has its own interval and gate"
        )
        self.keys.change(f"{at}name", "metrics", "its graders are metrics of their own")
        self.keys.change(f"{at}type", "metrics", "its graders are metrics of their own")

    def _python(self, grader: Mapping[str, Any], at: str) -> None:
        name = file_name(str(grader.get("name", "grader")))
        keep_code(self.plan, f"kept/{name}.py.txt", str(grader.get("source", "")))
        for key in ("type", "source", "image_tag", "name", "pass_threshold"):
            self.keys.leave(
                f"{at}{key}", f"code is never run on import; kept in kept/{name}.py.txt"
            )


def keep_code(plan: Blueprint, place: str, code: str) -> None:
    """Keep code as text, and say how it becomes a metric.

    Args:
        plan: The project in the making.
        place: The file: its name ends in ``.txt``, so that nothing runs it.
        code: The code.
    """
    number, free = 2, place
    while free in plan.files and plan.files[free] != code:
        free = f"{place.removesuffix('.txt')}-{number}.txt"
        number += 1
    plan.files[free] = code
    plan.todo.append(
        f"read {free}; to use it, make it a metric: a function (output, example, *, task) under "
        "@tunewell.metrics.metric() in metrics.py, and options: {python: metrics.py}"
    )


def _range(value: Any) -> tuple[float, float]:
    """The ends of a score's range, from 0 to 1 where none is given."""
    is_pair = isinstance(value, list) and len(value) == 2
    if is_pair and all(isinstance(end, int | float) for end in value):
        return float(value[0]), float(value[1])
    return 0.0, 1.0


def _prompt(value: Any) -> str:
    """What a grader's model is asked, without the places where item and answer are put."""
    texts = [text_of(turn) for turn in value] if isinstance(value, list) else [text_of(value)]
    return _PLACEHOLDER.sub("(…)", " ".join(texts)).strip()
