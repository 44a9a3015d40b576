from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.metrics.conftest import row
from tunewell.metrics import Marked, build_metrics
from tunewell.metrics.label import LabelOptions, label_of, unknown_gold
from tunewell.task import TaskFile
from tunewell.types import references_tag

Define = Callable[..., TaskFile]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Cafe\u0301-Service", "Café-Service"),
        ("Zürich", "Zu\u0308rich"),
        ("가나", "\u1100\u1161\u1102\u1161"),
        ("ộ", "o\u0323\u0302"),
        ("billing\u200b", "billing"),
        ("\ufeffbilling", "billing"),
        ("bill\u00ading", "billing"),
        ("billing\u00a0", "billing"),
        ("bill\u2060ing", "billing"),
        ("\u200ebilling\u200f", "billing"),
        ("card\u2011arrival", "card-arrival"),
        ("card–arrival", "card-arrival"),
        ("ｂｉｌｌｉｎｇ", "billing"),
        ("ｶﾞｽ", "ガス"),
        ("**Billing**", "billing"),
        ("`billing`", "billing"),
        ("“billing”", "billing"),
        ("«billing»", "billing"),
        ("「請求」", "請求"),
        ("[billing]", "billing"),
        ("billing.", "billing"),
        ("請求。", "請求"),
        ("a)", "(A)"),
        ("- billing", "billing"),
        ("card  arrival\n", "Card arrival"),
        ("don’t know", "don't know"),
        ("STRASSE", "straße"),
        ("İade", "iade"),
    ],
)
def test_one_label_written_in_two_ways(a: str, b: str) -> None:
    assert label_of(a, None) == label_of(b, None)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("AB+", "AB-"),
        ("+", "-"),
        ("C", "C#"),
        ("C++", "C"),
        ("-1", "1"),
        ("- 1", "1"),
        ("👍", "👎"),
        ("e", "é"),
        ("か", "が"),
        ("5,000", "5"),
        ("x²", "x2"),
        ("yes/no", "yes"),
        ("1.0", "10"),
        ("*", "**x**"),
        ("card_arrival", "card"),
        ("A", "A, B"),
        ("?", "!"),
    ],
)
def test_other_labels_stay_apart(a: str, b: str) -> None:
    assert label_of(a, None) != label_of(b, None)
    assert label_of(a, None)


@pytest.mark.parametrize(
    "text",
    [
        '["b", "a"]',
        "['b', 'a']",
        "B, A",
        "b; a",
        "a|b",
        "a\nb",
        "- b\n- a",
        "b, a, b",
        "a、b",
        "**a**, `b`",
        "[a, b]",
        "1. a\n2. b",
        "a / b",
    ],
)
def test_several_labels_are_a_set(text: str) -> None:
    assert label_of(text, None) == label_of("a, b", None) == "a | b"


def test_a_known_label_is_never_cut() -> None:
    options = LabelOptions(labels=("Paris, France", "France"))
    assert options.label_of("'Paris, France'") == "paris, france"
    assert options.label_of("France") == "france"


def test_prose_is_no_set() -> None:
    prose = "The customer asks about a bill that is too high, and wants to know why it is so."
    assert label_of(prose, None) == prose.lower().rstrip(".")


def test_the_pattern_sees_no_reasoning() -> None:
    pattern = re.compile(r"^\[(.+?)\]")
    assert label_of("<think>[outage]?</think>\n[Billing] Dear", pattern) == "billing"


def test_an_unknown_label_is_named_so(define: Define) -> None:
    file = define("metrics: [{name: label, options: {labels: [billing, outage]}}]")
    (metric,) = build_metrics(file)
    wrong = metric("biling", row("?", "billing"), task=file.spec)
    assert isinstance(wrong, Marked)
    assert (wrong.value, wrong.reason) == (0, "'biling' (no such label) instead of 'billing'")
    example = row("?", "billing", **references_tag(["billing", "outage"]))
    either = metric("Outage.", example, task=file.spec)
    assert isinstance(either, Marked)
    assert either.value == 1


def test_gold_outside_the_labels_is_counted() -> None:
    options = LabelOptions(labels=("Billing", "outage"))
    rows = [row("?", target) for target in ("billing", "biling", "biling", "outage, refund")]
    assert unknown_gold(rows, options) == {"biling": 2, "refund": 1}
    assert not unknown_gold(rows, LabelOptions())
