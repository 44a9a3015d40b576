"""``tw.evaluate``: outputs in memory, scored with the same figures as a project's."""

from __future__ import annotations

from typing import Any

import pytest

import tunewell as tw
from tunewell.stats import proportion

GOLD = ["Paris", "Rome", "Oslo", "Bern", "Kyiv", "Riga", "Lima", "Doha"]
HOSTILE = "<script>alert(1)</script>"


def test_a_share_has_the_interval_of_a_share() -> None:
    said = [*GOLD[:6], "Quito", "Dakar"]
    found = tw.evaluate(said, GOLD, metrics=["exact"]).level("exact")
    assert found.value == 0.75
    wanted = proportion(6, 8)
    assert found.low <= wanted.low
    assert found.high >= wanted.high
    assert found.n == 8


class Undecided:
    """As pandas' NA: it says neither yes nor no."""

    def __bool__(self) -> bool:
        raise TypeError("ambiguous")

    def __ne__(self, other: object) -> Any:
        return self


@pytest.mark.parametrize("missing", [None, float("nan"), 7, Undecided()])
def test_what_is_missing_stays_in_the_denominator(missing: Any) -> None:
    said = [*GOLD[:7], missing]
    result = tw.evaluate(said, GOLD, metrics=["exact"])
    full = tw.evaluate(GOLD, GOLD, metrics=["exact"]).level("exact")
    estimate = result.level("exact")
    assert len(result.unscored) == 1
    assert result.levels[0].missing == 1
    assert estimate.low < full.low
    assert estimate.high == 1.0


def test_models_are_compared_on_the_same_rows() -> None:
    good, bad = list(GOLD), ["?"] * 6 + GOLD[6:]
    result = tw.evaluate({"old": bad, "new": good}, GOLD, metrics=["exact"])
    difference = result.difference("exact", "new", "old")
    assert difference.value == 0.75
    assert difference.low > 0
    with pytest.raises(KeyError, match="arms: old, new"):
        result.difference("exact", "old", "new")


def test_several_right_answers_and_options() -> None:
    targets = [["two weeks", "14 days"], ["Bern"]]
    metrics: list[Any] = ["normalised", {"name": "label", "options": {"pattern": r"^\[(.+?)\]"}}]
    result = tw.evaluate(["14 Days.", "bern"], targets, metrics=metrics)
    assert result.level("normalised").value == 1.0
    assert [info.name for info in result.metrics] == ["normalised", "label"]


def test_own_functions_and_own_metrics_keep_their_order() -> None:
    @tw.metric(title="Short enough")
    def short(output: str, example: tw.Example, *, task: Any) -> float:
        return float(len(output) < 5)

    def shared_letters(output: str, target: str) -> float:
        return float(len(set(output) & set(target)))

    result = tw.evaluate(
        ["Paris", "Rome"], ["Paris", "Rome"], metrics=[shared_letters, "exact", short]
    )
    assert [info.name for info in result.metrics] == ["shared_letters", "exact", "short"]
    assert result.level("shared_letters").value == 4.5
    assert result.level("short").value == 0.5


def test_a_function_that_fails_leaves_its_rows_unscored() -> None:
    def fails(output: str, target: str) -> float:
        raise ZeroDivisionError(output)

    result = tw.evaluate(["a", "b"], ["a", "b"], metrics=[fails])
    assert len(result.unscored) == 2
    assert "ZeroDivisionError" in str(result.unscored[0].value)
    assert "2 unscored (fails failed: ZeroDivisionError" in str(result)
    assert "ZeroDivisionError" in result._repr_html_()


def test_groups_widen_the_interval() -> None:
    said = ["x"] * 20 + ["y"] * 20
    gold = ["x"] * 40
    alone = tw.evaluate(said, gold, metrics=["exact"]).level("exact")
    grouped = tw.evaluate(said, gold, metrics=["exact"], groups=[n // 10 for n in range(40)])
    together = grouped.level("exact")
    assert together.value == alone.value
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


@pytest.mark.parametrize(
    ("outputs", "targets", "named", "says"),
    [
        (["a"], ["a", "b"], {}, "one per target: 2. Got 1"),
        ("ab", ["a", "b"], {}, "a single text"),
        ([], [], {}, "no targets"),
        (["a"], [3], {}, "target 0 must be text"),
        (["a"], [[]], {}, "target 0 must be text"),
        (["a"], ["a"], {"inputs": ["x", "y"]}, "inputs must be one per target"),
        (["a"], ["a"], {"groups": ["x", "y"]}, "groups must be one per target"),
        (["a"], ["a"], {"metrics": ["exactly"]}, "no metric 'exactly'"),
        (["a"], ["a"], {"metrics": []}, "name of its own"),
        (["a"], ["a"], {"metrics": [3]}, "a metric is a name"),
        (["a"], ["a"], {"metrics": "exact"}, "metrics must be a list"),
        ([1, 0], ["1", "0"], {}, "outputs must be texts. Got 1 instead"),
    ],
)
def test_misuse_is_one_clear_error(outputs: Any, targets: Any, named: Any, says: str) -> None:
    with pytest.raises(tw.UserError, match=says):
        tw.evaluate(outputs, targets, **named)


def test_a_notebook_shows_it_with_hostile_names_escaped() -> None:
    result = tw.evaluate({HOSTILE: ["a", "b"], "new": ["a", "c"]}, ["a", "b"])
    page = result._repr_html_()
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    assert page.count("<table") == 2
    assert "new - " in str(result)
