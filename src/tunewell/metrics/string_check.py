"""Checks of a text against a text, as other evaluation tools have them, to the letter."""

from __future__ import annotations

import json
import math
import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, Final, Literal

from pydantic import Field, TypeAdapter
from rapidfuzz import fuzz

from tunewell.json_text import next_json, parse_json
from tunewell.metrics.base import Marked, Metric
from tunewell.metrics.match import right_answers
from tunewell.metrics.overlap import rouge_l, rouge_n
from tunewell.metrics.patterns import LONGEST_MATCHED
from tunewell.metrics.registry import MetricSetting, built_in_with
from tunewell.task import TaskSpec
from tunewell.timed_pattern import TimedPattern
from tunewell.types import Example, MetricInfo, Value

Relation = Literal[
    "equals",
    "begins",
    "ends",
    "contains",
    "either_contains",
    "same_json",
    "matches",
    "is_json",
    "holds_json",
    "like",
]
Measure = Literal[
    "fuzzy",
    "gleu",
    "levenshtein",
    "rouge_1",
    "rouge_2",
    "rouge_3",
    "rouge_4",
    "rouge_5",
    "rouge_l",
]

_ARTICLES: Final = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION: Final = str.maketrans("", "", string.punctuation)
_OPENING: Final = re.compile(r"[{\[]")
_MOST_OPENINGS: Final = 100
_GLEU_ORDER: Final = 4
_ROUNDING: Final = 1e-9
_NO_JSON: Final = object()


class TextCheck(Value):
    """One check of an answer against texts. Options of ``string_check``.

    Attributes:
        relation: How the answer stands to a text: ``equals``, ``begins`` with it, ``ends`` with it,
            ``contains`` it, ``either_contains`` (one holds the other; case, punctuation and English
            articles do not count), ``same_json``, ``matches`` (the text is a pattern), ``is_json``,
            ``holds_json``, ``like`` (see `measure`).
        texts: The texts; the gold answers if empty.
        several: Whether it must stand so to ``any`` of the texts, or to ``all``.
        ignore_case: Whether case counts.
        negated: Whether the check passes where it would not.
        measure: Of ``like``, as for ``text_similarity``.
        at_least: Of ``like``: the least value that passes.
    """

    relation: Relation = "equals"
    texts: tuple[str, ...] = ()
    several: Literal["any", "all"] = "any"
    ignore_case: bool = False
    negated: bool = False
    measure: Measure = "fuzzy"
    at_least: float = Field(default=0.75, ge=0, le=1)

    def passes(self, output: str, gold: Sequence[str]) -> bool:
        """Whether an answer passes.

        Args:
            output: The answer.
            gold: Right answers, held against where there are no texts.
        """
        texts = self.texts or tuple(gold)
        each = [self._holds(output, text) for text in texts]
        found = all(each) if self.several == "all" else any(each)
        return found != self.negated

    def _holds(self, output: str, text: str) -> bool:
        if self.relation == "like":
            return similarity(output, text, self.measure) >= self.at_least - _ROUNDING
        return holds(output, text, self.relation, ignore_case=self.ignore_case)

    @property
    def said(self) -> str:
        """The check in a few words."""
        negation = "not " if self.negated else ""
        shown = ", ".join(repr(text[:40]) for text in self.texts[:3])
        return f"{negation}{self.relation} {shown}".strip()


class SimilarityOptions(Value):
    """Options of ``text_similarity``.

    Attributes:
        measure: ``fuzzy`` (share of matching characters in the best alignment), ``gleu``,
            ``levenshtein``, ``rouge_1`` to ``rouge_5``, ``rouge_l``.
        text: The text to be like; the gold answers if empty, of which the nearest counts.
        pass_at: The value from which an answer counts as 1 and below as 0; 0 = the value itself.
    """

    measure: Measure = "fuzzy"
    text: str = ""
    pass_at: float = Field(default=0.0, ge=0, le=1)


def holds(output: str, text: str, relation: Relation, *, ignore_case: bool = False) -> bool:
    """Whether an answer stands in a relation to a text; white space at the ends does not count.

    Example:
        >>> holds("Paris, of course", "Paris", "begins"), holds("PARIS", "Paris", "equals")
        (True, False)
        >>> holds("The cat.", "a cat", "either_contains"), holds('{"a": 1}', '{"a":1}', "same_json")
        (True, True)
    """
    said, wanted = output.strip(), text.strip()
    if relation == "matches":
        return _pattern(text, ignore_case).search(output[:LONGEST_MATCHED]) is not None
    if ignore_case:
        said, wanted = said.casefold(), wanted.casefold()
    return _RELATIONS[relation](said, wanted)


@cache
def _pattern(text: str, ignore_case: bool) -> TimedPattern:
    return TimedPattern(f"(?i){text}" if ignore_case else text)


def _json_of(text: str) -> Any:
    """The value of a JSON text; `_NO_JSON` if it is none."""
    try:
        return parse_json(text)
    except ValueError:
        return _NO_JSON


def _same_json(said: str, wanted: str) -> bool:
    found = _json_of(said)
    return found is not _NO_JSON and bool(found == _json_of(wanted))


def _holds_json(said: str, _: str) -> bool:
    """Whether an object or a list stands somewhere in the text."""
    decoder = json.JSONDecoder()
    for match in islice(_OPENING.finditer(said), _MOST_OPENINGS):
        try:
            next_json(decoder, said, match.start())
        except ValueError:
            continue
        return True
    return False


def _either_contains(said: str, wanted: str) -> bool:
    said, wanted = _bare(said), _bare(wanted)
    if not said or not wanted:
        return said == wanted
    return said in wanted or wanted in said


def _bare(text: str) -> str:
    letters = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", letters).split())


_RELATIONS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "equals": lambda said, wanted: said == wanted,
    "begins": lambda said, wanted: said.startswith(wanted),
    "ends": lambda said, wanted: said.endswith(wanted),
    "contains": lambda said, wanted: wanted in said,
    "either_contains": _either_contains,
    "same_json": _same_json,
    "is_json": lambda said, _: _json_of(said) is not _NO_JSON,
    "holds_json": _holds_json,
}


def gleu(output: str, target: str) -> float:
    """The smaller of precision and recall of all word n-grams up to four, in [0, 1].

    Source:
        Wu et al. 2016, Google's Neural Machine Translation System, section 4.3.

    Example:
        >>> gleu("the cat sat", "the cat sat"), round(gleu("the cat", "the cat sat"), 3)
        (1.0, 0.5)
    """
    said, wanted = _all_grams(output.split()), _all_grams(target.split())
    longer = max(said.total(), wanted.total())
    return (said & wanted).total() / longer if longer else 1.0


def _all_grams(words: list[str]) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for size in range(1, _GLEU_ORDER + 1):
        for start in range(len(words) - size + 1):
            found[tuple(words[start : start + size])] += 1
    return found


def similarity(output: str, target: str, measure: Measure) -> float:
    """How alike two texts are, in [0, 1].

    Example:
        >>> similarity("14 days", "14 days", "fuzzy"), similarity("abc", "abd", "levenshtein") < 1
        (1.0, True)
    """
    if measure == "gleu":
        return gleu(output, target)
    if measure == "fuzzy":
        return fuzz.ratio(output, target) / 100
    if measure == "levenshtein":
        from rapidfuzz.distance import Levenshtein

        return float(Levenshtein.normalized_similarity(output, target))
    if measure == "rouge_l":
        return rouge_l(output, target)
    return rouge_n(output, target, n=int(measure.removeprefix("rouge_")))


@built_in_with(
    MetricInfo(
        name="string_check",
        title="text check",
        own=True,
        validated=True,
    ),
    TextCheck,
)
def string_check(options: TextCheck, setting: MetricSetting) -> Metric:
    """1 if the answer stands in a relation to a text, to the letter.

    As string checks of OpenAI's graders and Evals, promptfoo and others are defined; white space at
    the ends is ignored. Prefer ``normalised``, ``label`` or ``key_points``, which know formats.
    """

    def check(output: str, example: Example, *, task: TaskSpec) -> float:
        return float(options.passes(output, right_answers(example)))

    return Metric(info=setting.info, function=check)


class RowCheckOptions(Value):
    """Options of ``row_checks``.

    Attributes:
        source: Field of the row that lists its checks as JSON: ``[{"relation": "contains",
            "texts": ["14 days"]}]``, with the options of ``string_check``.
    """

    source: str = Field(default="tags.checks", alias="from")


_CHECKS: Final[TypeAdapter[tuple[TextCheck, ...]]] = TypeAdapter(tuple[TextCheck, ...])


def checks_of(example: Example, source: str) -> tuple[TextCheck, ...]:
    """The checks that a row lists.

    Raises:
        ValueError: They are no list of checks.
    """
    text = example.field(source)
    return _CHECKS.validate_python(parse_json(text)) if text else ()


@built_in_with(
    MetricInfo(
        name="row_checks",
        title="checks of the row passed",
        own=True,
        validated=True,
    ),
    RowCheckOptions,
)
def row_checks(options: RowCheckOptions, setting: MetricSetting) -> Metric:
    """Share of the row's own checks that the answer passes; the failed ones are named."""

    def share_passed(output: str, example: Example, *, task: TaskSpec) -> Marked:
        checks = checks_of(example, options.source)
        gold = right_answers(example)
        failed = [check.said for check in checks if not check.passes(output, gold)]
        reason = f"failed: {'; '.join(failed)}" if failed else ""
        return Marked(value=1 - len(failed) / len(checks), reason=reason)

    def applies(example: Example) -> str:
        return "" if example.field(options.source) else f"no checks are listed ({options.source})"

    return Metric(info=setting.info, function=share_passed, applies=applies)


@built_in_with(
    MetricInfo(
        name="text_similarity",
        title="text similarity",
    ),
    SimilarityOptions,
)
def text_similarity(options: SimilarityOptions, setting: MetricSetting) -> Metric:
    """How like the gold answer (of several, the nearest) the answer is."""

    def measure(output: str, example: Example, *, task: TaskSpec) -> float:
        texts = (options.text,) if options.text else right_answers(example)
        value = max(similarity(output, text, options.measure) for text in texts)
        if not options.pass_at:
            return value
        return float(value >= options.pass_at or math.isclose(value, options.pass_at))

    return Metric(info=setting.info, function=measure)
