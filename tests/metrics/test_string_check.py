"""Checks to the letter, of one text and of every row's own."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.metrics.conftest import row
from tunewell.metrics import Marked, build_metrics
from tunewell.metrics.string_check import TextCheck, gleu, holds, similarity
from tunewell.task import TaskFile
from tunewell.types import Unscored

Define = Callable[..., TaskFile]


@pytest.mark.parametrize(
    ("check", "passing", "failing"),
    [
        ({"relation": "equals"}, " Paris\n", "paris"),
        ({"relation": "equals", "ignore_case": True}, "PARIS", "Pari"),
        ({"relation": "begins"}, "Paris is it", "It is Paris"),
        ({"relation": "ends"}, "It is Paris", "Paris is it"),
        ({"relation": "contains", "negated": True}, "Rome", "Old Paris"),
        ({"relation": "contains", "texts": ["a", "b"], "several": "all"}, "a b", "a c"),
        ({"relation": "contains", "texts": ["a", "b"]}, "c b", "c d"),
        ({"relation": "either_contains"}, "The Paris!", "London"),
        ({"relation": "matches", "texts": [r"\d{2}"]}, "see 42", "see 4"),
        ({"relation": "is_json", "texts": [""]}, '{"a": 1}', "{a: 1}"),
        ({"relation": "holds_json", "texts": [""]}, 'So: {"a": [1]} done', "no { json"),
        ({"relation": "same_json", "texts": ['{"a": 1}']}, '{ "a":1 }', '{"a": 2}'),
        ({"relation": "like", "at_least": 0.8}, "Pariss", "Rome"),
    ],
)
def test_a_check_passes_what_it_should(
    check: dict[str, object], passing: str, failing: str
) -> None:
    made = TextCheck.model_validate(check)
    assert made.passes(passing, ["Paris"])
    assert not made.passes(failing, ["Paris"])


def test_of_several_right_answers_any_counts_unless_negated() -> None:
    assert TextCheck(relation="equals").passes("b", ["a", "b"])
    assert not TextCheck(relation="equals", negated=True).passes("b", ["a", "b"])
    assert TextCheck(relation="equals", negated=True).passes("c", ["a", "b"])


def test_a_row_brings_its_own_checks(define: Define) -> None:
    (metric,) = build_metrics(define("metrics: [{name: row_checks}]"))
    checks = [{"relation": "contains", "texts": ["5 EUR"]}, {"relation": "begins", "texts": ["It"]}]
    example = row("How much?", "5 EUR", checks=json.dumps(checks))
    file = define("metrics: [{name: row_checks}]")
    found = metric("It costs 5 EUR", example, task=file.spec)
    half = metric("That costs 5 EUR", example, task=file.spec)
    assert isinstance(found, Marked)
    assert isinstance(half, Marked)
    assert (found.value, half.value) == (1.0, 0.5)
    assert half.reason == "failed: begins 'It'"
    assert metric.applies(row("How much?", "5 EUR")) == "no checks are listed (tags.checks)"


@pytest.mark.parametrize("checks", ["[", '{"relation": "equals"}', '[{"relation": "resembles"}]'])
def test_checks_that_are_none_leave_the_row_unscored(checks: str, define: Define) -> None:
    file = define("metrics: [{name: row_checks}]")
    (metric,) = build_metrics(file)
    assert isinstance(metric("x", row("?", "x", checks=checks), task=file.spec), Unscored)


def test_a_pattern_that_never_ends_leaves_the_row_unscored(define: Define) -> None:
    file = define(
        "metrics: [{name: string_check, options: {relation: matches, texts: ['(a|aa)+$']}}]"
    )
    (metric,) = build_metrics(file)
    assert isinstance(metric("a" * 80 + "!", row("?", "x"), task=file.spec), Unscored)


def test_similarities_are_shares() -> None:
    assert holds("x", "x", "equals")
    # Wu et al. 2016: the smaller of precision and recall of all n-grams; 3 of 6 and of 10 here.
    assert gleu("a b c", "a b c d") == pytest.approx(6 / 10)
    for measure in ("fuzzy", "gleu", "levenshtein", "rouge_1", "rouge_3", "rouge_l"):
        assert similarity("the same five words here", "the same five words here", measure) == 1.0
        assert similarity("alpha", "omicron", measure) < 0.5
