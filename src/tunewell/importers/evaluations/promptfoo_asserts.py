"""promptfoo's assertions as checks of a row, questions to people, or what cannot be carried over.

Source: promptfoo's documentation of assertions (its configuration reference).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tunewell.importers.source_keys import Fate
from tunewell.timed_pattern import TimedPattern

NEGATION: Final = "not-"
_NAME: Final = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}")
CHECKS: Final[Mapping[str, Mapping[str, Any]]] = {
    "equals": {"relation": "equals"},
    "contains": {"relation": "contains"},
    "icontains": {"relation": "contains", "ignore_case": True},
    "contains-all": {"relation": "contains", "several": "all"},
    "contains-any": {"relation": "contains"},
    "icontains-all": {"relation": "contains", "several": "all", "ignore_case": True},
    "icontains-any": {"relation": "contains", "ignore_case": True},
    "starts-with": {"relation": "begins"},
    "ends-with": {"relation": "ends"},
    "regex": {"relation": "matches"},
    "is-json": {"relation": "is_json"},
    "contains-json": {"relation": "holds_json"},
    "rouge-n": {"relation": "like", "measure": "rouge_1"},
    "gleu": {"relation": "like", "measure": "gleu", "at_least": 0.5},
    "bleu": {"relation": "like", "measure": "gleu", "at_least": 0.5},
}
"""Assertions that a program decides, as options of ``string_check``."""

WITHOUT_TEXT: Final = frozenset({"is-json", "contains-json"})
GRADED: Final = frozenset(
    {
        "llm-rubric",
        "agent-rubric",
        "model-graded-closedqa",
        "model-graded-factuality",
        "factuality",
        "g-eval",
        "answer-relevance",
        "conversation-relevance",
        "context-recall",
        "context-relevance",
        "context-faithfulness",
        "search-rubric",
        "pi",
    }
)
CODE: Final = frozenset({"javascript", "python", "ruby", "webhook"})
FACTS: Final = frozenset({"factuality", "model-graded-factuality"})
WHY_NOT: Final[Mapping[str, str]] = {
    "latency": "no property of the answer; the gateway records how long answers take",
    "cost": "no property of the answer; the gateway records tokens",
    "perplexity": "the loss of the gold answer (nats) is always measured",
    "perplexity-score": "the loss of the gold answer (nats) is always measured",
    "similar": "it needs vectors of a model elsewhere",
    "levenshtein": "a number of edits; text_similarity measures shares",
    "meteor": "it needs a dictionary; rouge_l and gleu do not",
    "classifier": "it needs a classifier elsewhere",
    "moderation": "it needs a service elsewhere",
    "select-best": "answers are compared blind by people: tunewell compare",
    "max-score": "answers are compared blind by people: tunewell compare",
    "human": "people are asked what people.rubric says",
    "is-refusal": "refusals are found in the rows (D08), not scored in outputs",
    "guardrails": "it needs a service elsewhere",
    "is-sql": "it needs a parser of SQL",
    "contains-sql": "it needs a parser of SQL",
    "is-xml": "it needs a parser of XML",
    "contains-xml": "it needs a parser of XML",
    "is-html": "it needs a parser of HTML",
    "contains-html": "it needs a parser of HTML",
    "is-valid-openai-tools-call": "calls are compared with the gold calls by name and arguments",
    "is-valid-openai-function-call": "calls are compared with the gold calls by name and arguments",
    "is-valid-function-call": "calls are compared with the gold calls by name and arguments",
    "tool-call-f1": "calls are compared with the gold calls by name and arguments",
    "finish-reason": "an answer that was cut off counts as incomplete (E11)",
    "word-count": "rules.words counts words of rows; conciseness those of answers",
}


@dataclass
class CarriedAssert:
    """What became of one assertion.

    Attributes:
        fate: Whether it was carried over.
        why: What changed, or why not.
        check: A check of the row, as options of ``string_check``.
        question: What people are asked.
        gold: The gold answer that it gives.
        code: Code that is kept as text.
    """

    fate: Fate
    why: str = ""
    check: dict[str, Any] = field(default_factory=dict)
    question: str = ""
    gold: str = ""
    code: str = ""


def read_assert(given: Any, fill: Filled) -> CarriedAssert:
    """One assertion.

    Args:
        given: As the configuration has it.
        fill: Puts the variables of the test into a text.
    """
    if not isinstance(given, Mapping) or not isinstance(given.get("type"), str):
        return CarriedAssert("not carried over", "an assertion is a mapping with a type")
    named = str(given["type"])
    negated = named.startswith(NEGATION)
    kind = named.removeprefix(NEGATION)
    value = given.get("value")
    if kind in CODE:
        return CarriedAssert("not carried over", "code is never run on import", code=str(value))
    if _is_file(value):
        return CarriedAssert("not carried over", f"its value is in {value}, which is not read")
    if kind in GRADED:
        return _graded(kind, value, fill, negated=negated)
    if kind not in CHECKS:
        why = WHY_NOT.get(kind, f"there is no counterpart of {kind!r}")
        return CarriedAssert("not carried over", why)
    return _check(kind, given, fill, negated=negated)


def _is_file(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("file://", "package:"))


def _graded(kind: str, value: Any, fill: Filled, *, negated: bool) -> CarriedAssert:
    """A verdict of a model: asked of people."""
    texts = [fill(str(each)) for each in (value if isinstance(value, list) else [value]) if each]
    text = " ".join(texts)
    gold = text if kind in FACTS and not negated else ""
    question = f"Does the answer agree with the facts: {text}?" if gold else text
    if negated:
        question = f"Is it not so that: {text}"
    return CarriedAssert(
        "changed",
        "a model's verdict is asked of people, and of a judge once one is named",
        question=question or f"Does the answer pass {kind!r}?",
        gold=gold,
    )


def _check(kind: str, given: Mapping[str, Any], fill: Filled, *, negated: bool) -> CarriedAssert:
    """A check that a program decides."""
    check: dict[str, Any] = dict(CHECKS[kind])
    value = given.get("value")
    texts = [] if kind in WITHOUT_TEXT else _texts(kind, value, fill)
    if not texts and kind not in WITHOUT_TEXT:
        return CarriedAssert("not carried over", "it has no text to be held against")
    if kind == "regex" and not _compiles(texts[0]):
        return CarriedAssert("not carried over", "the pattern is not one of Python's")
    # Where there is no text the answer itself is checked, and any one text stands for it.
    check["texts"] = texts or [""]
    threshold = given.get("threshold")
    if check["relation"] == "like" and isinstance(threshold, int | float):
        check["at_least"] = min(max(float(threshold), 0.0), 1.0)
    if negated:
        check["negated"] = True
    gold = texts[0] if kind == "equals" and not negated else ""
    fate, why = _differs(kind, given)
    return CarriedAssert(fate, why, check=check, gold=gold)


def _differs(kind: str, given: Mapping[str, Any]) -> tuple[Fate, str]:
    """How a check differs from the assertion."""
    if kind in WITHOUT_TEXT and given.get("value"):
        return "changed", "the schema is not checked; add the metric 'schema'"
    if kind == "bleu":
        return "changed", "BLEU of a sentence became GLEU"
    if given.get("weight") not in {None, 1}:
        return "changed", "every check of a row counts alike"
    return "carried over", ""


def _texts(kind: str, value: Any, fill: Filled) -> list[str]:
    """The texts of a check; lists may be written with commas."""
    if isinstance(value, list):
        return [fill(_text(each)) for each in value if each is not None]
    if value is None:
        return []
    text = fill(_text(value))
    if kind.endswith(("-all", "-any")):
        return [part.strip() for part in text.split(",") if part.strip()]
    return [text] if text.strip() else []


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping | Sequence):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _compiles(pattern: str) -> bool:
    try:
        TimedPattern(pattern)
    except ValueError:
        return False
    return True


class Filled:
    """Puts variables into templates of the plain kind, ``{{name}}``: nothing is executed.

    Args:
        variables: By name.

    Example:
        >>> Filled({"city": "Bern"})("Weather in {{ city }}? {{ 7*7 }}")
        'Weather in Bern? {{ 7*7 }}'
    """

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._texts = {str(name): _text(value) for name, value in variables.items()}

    def __call__(self, template: str) -> str:
        """The template with the variables in it."""
        return _NAME.sub(self._value, template)

    def _value(self, match: re.Match[str]) -> str:
        return self._texts.get(match[1], match[0])

    def left_in(self, template: str) -> bool:
        """Whether something of a template cannot be filled in this way."""
        return "{{" in self(template) or "{%" in template
