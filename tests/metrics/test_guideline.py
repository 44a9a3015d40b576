from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.metrics.conftest import row
from tunewell.errors import TaskError
from tunewell.metrics import Marked, build_metrics
from tunewell.metrics.guideline import GuidelineRule, broken
from tunewell.task import TaskFile

Define = Callable[..., TaskFile]
RULES = """
metrics:
  - name: house
    options:
      metric: guideline
      rules:
        - {rule: Greet the customer., begins: Dear}
        - {rule: Name the deadline where money is owed., when: /bill|invoice/,
           any_of: [days, weeks]}
        - {rule: Promise nothing., must_not: [promise, /guarante\\w+/]}
        - {rule: Keep it short., most_words: 12, most_sentences: 2}
        - {rule: Close kindly., ends: Kind regards}
"""


def test_the_share_of_rules_kept_and_the_broken_ones_by_name(define: Define) -> None:
    file = define(RULES)
    (house,) = build_metrics(file)
    assert house.info.validated
    assert house.info.own
    bill = row("My bill is too high.", "x")
    good = house("Dear Ms Byrne, you have 14 days to pay. Kind regards", bill, task=file.spec)
    assert isinstance(good, Marked)
    assert (good.value, good.reason) == (1.0, "")
    bad = house("We guarantee it. Promise. Soon. Really.", bill, task=file.spec)
    assert isinstance(bad, Marked)
    assert bad.value == 0.0
    assert "Promise nothing.: 'promise' appears in it" in bad.reason
    assert "Keep it short.: 4 sentences, at most 2" in bad.reason
    other = house(
        "Dear Sir, it is fixed. Kind regards", row("My power is out.", "x"), task=file.spec
    )
    assert isinstance(other, Marked)
    assert other.value == 1.0  # the deadline rule does not apply


def test_rows_to_which_no_rule_applies_are_left_out(define: Define) -> None:
    rule = "{rule: x, when: bill, must: days}"
    (m,) = build_metrics(define(f"metrics: [{{name: guideline, options: {{rules: [{rule}]}}}}]"))
    assert m.applies(row("My power is out.", "x")) == "no rule applies to this row"
    assert m.applies(row("My Bill!", "x")) == ""


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("{}", "rules: Field required"),
        ("{rules: []}", "at least 1 item"),
        ("{rules: [{rule: Be kind.}]}", "'Be kind.' checks nothing"),
        ("{rules: [{rule: x, must: '/(/'}]}", "is not a valid pattern"),
        ("{rules: [{rule: x, must: a, may: b}]}", "Extra inputs are not permitted"),
    ],
)
def test_rules_that_check_nothing_are_refused_with_their_line(
    define: Define, options: str, why: str
) -> None:
    with pytest.raises(TaskError, match=r"tunewell\.yaml:") as error:
        build_metrics(define(f"metrics: [{{name: guideline, options: {options}}}]"))
    assert why in str(error.value)


@given(st.text(max_size=60), st.integers(1, 20))
def test_a_limit_on_words_is_a_limit_on_words(answer: str, most: int) -> None:
    assert bool(broken(GuidelineRule(rule="short", most_words=most), answer)) == (
        len(answer.strip().split()) > most
    )


def test_ends_means_the_very_end() -> None:
    rule = GuidelineRule(rule="close", ends="Kind regards")
    assert broken(rule, "Kind regards, and by the way") == "it does not end with 'Kind regards'"
    assert broken(rule, "kind regards. Kind regards") == ""
