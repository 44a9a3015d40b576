from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.metrics.conftest import row
from tunewell.errors import TaskError
from tunewell.metrics import BUILTINS, Marked, Metric, build_metrics, metric
from tunewell.task import TaskFile
from tunewell.types import Example, Message, MetricInfo, Prediction, Unscored

Define = Callable[..., TaskFile]
FACTS = """
facts: [{entity: a, attribute: b, value: 5 EUR}]
decisions: [{name: d, rules: [{when: {}, then: fine}]}]
"""
OPTIONS = {
    "label": "{pattern: '^\\[(.+?)\\]'}",
    "key_points": "{from: tags.points}",
    "format": "{pattern: '.*'}",
    "schema": "{schema: {type: object, required: [total]}}",
    "guideline": "{rules: [{rule: Say it shortly., most_words: 5}, "
    "{rule: No promises., must_not: promise}]}",
    "terms": "{terms: [EUR]}",
}


def value(m: Metric, output: str, example: Example, file: TaskFile) -> float:
    found = m(output, example, task=file.spec)
    assert isinstance(found, Marked), found
    return found.value


@pytest.mark.parametrize("name", [n for n in BUILTINS if n not in {"judge", "brier"}])
@pytest.mark.parametrize(
    "output", ["", "x", '[a] {"total": 1}', "\x00\ud800 % $1,2,3 [", "a " * 3000]
)
def test_every_built_in_gives_a_value_in_its_range_or_says_why_not(
    define: Define, tmp_path: Path, name: str, output: str
) -> None:
    (tmp_path / "facts.yaml").write_text(FACTS)
    file = define(f"metrics: [{{name: {name}, options: {OPTIONS.get(name, '{}')}}}]")
    (made,) = build_metrics(file)
    tags = {"points": "5 EUR | soon", "decision": "d", "checks": '[{"texts": ["5 EUR"]}]'}
    example = row("How much?", "[a] It costs 5 EUR.", **tags)
    example = example.model_copy(update={"date": dt.date(2026, 3, 1)})
    if name == "words_on_no_speech":
        turns = (Message(role="user", content="", audio="a"), Message(role="assistant", content=""))
        example = example.model_copy(update={"messages": turns, "kind": "no-speech"})
    assert made.applies(example) == ""
    found = made(output, example, task=file.spec)
    assert isinstance(found, Unscored) or made.info.low <= found.value <= made.info.high


def test_label_reads_the_head_of_the_answer(define: Define) -> None:
    file = define(
        "metrics: [{name: label, options: {pattern: '^\\[(.+?)\\]', labels: [billing, outage]}}]"
    )
    (label,) = build_metrics(file)
    example = row("?", "[Billing] You pay.")
    assert value(label, "[billing]  whatever", example, file) == 1
    assert value(label, "[outage] You pay.", example, file) == 0
    assert value(label, "no head", example, file) == 0
    found = label("[moon] x", example, task=file.spec)
    assert isinstance(found, Marked)
    assert "no such label" in found.reason
    assert label.applies(row("?", "headless")) == "the gold answer has no label"


def test_key_points_are_a_share_and_rows_without_points_do_not_count(define: Define) -> None:
    file = define(
        "metrics: [{name: key_points, options: {from: tags.points, points: [Kind regards]}}]"
    )
    (points,) = build_metrics(file)
    example = row("?", "…", points="84.20 EUR | 14 days ~ a fortnight")
    assert value(points, "Pay €84,20 within a fortnight. Kind regards", example, file) == 1
    assert value(points, "Pay within 14 days.", example, file) == pytest.approx(1 / 3)
    only = define("metrics: [{name: key_points, options: {from: tags.points}}]")
    assert build_metrics(only)[0].applies(row("?", "x"))


def test_must_not_names_the_place(define: Define) -> None:
    file = define("metrics: [{name: must_not}]")
    (m,) = build_metrics(file)
    found = m("Well, As an  AI I say: call 0900123", row("?", "x"), task=file.spec)
    assert isinstance(found, Marked)
    assert found.value == 0
    assert [s["text"] for s in found.spans] == ["As an  AI", "0900123"]
    assert value(m, "Nothing bad", row("?", "x"), file) == 1


def test_schema_holds_json_to_its_schema_and_fetches_nothing(define: Define) -> None:
    schema = "{type: object, required: [total], properties: {total: {type: number}}}"
    file = define(f"metrics: [{{name: schema, options: {{schema: {schema}}}}}]")
    (m,) = build_metrics(file)
    example = row("?", "x")
    assert value(m, '{"total": 1}', example, file) == 1
    assert value(m, '```json\n{"total": 1}\n```', example, file) == 1
    assert value(m, '{"total": "1"}', example, file) == 0
    assert value(m, "[" * 100_000, example, file) == 0
    remote = define(
        "metrics: [{name: schema, options: {schema: {$ref: 'http://127.0.0.1:9/x.json'}}}]"
    )
    assert isinstance(build_metrics(remote)[0]("{}", example, task=file.spec), Unscored)


def test_conciseness_falls_with_every_word_too_many(define: Define) -> None:
    file = define("metrics: [{name: conciseness, options: {words: 10, slack: 0}}]")
    (m,) = build_metrics(file)
    assert value(m, "w " * 10, row("?", "x"), file) == 1
    assert value(m, "w " * 20, row("?", "x"), file) == 0.5
    assert value(m, "", row("?", "x"), file) == 0


def test_all_faults_are_told_together_with_their_lines(define: Define) -> None:
    file = define(
        "metrics:\n  - {name: rouge_9}\n"
        "  - {name: label, options: {pattern: '(', typo: 1}}\n  - {name: key_points}\n"
        "  - {name: nats}\n  - {name: mine, options: {python: ../metrics.py}}\n"
    )
    with pytest.raises(TaskError) as caught:
        build_metrics(file)
    text = str(caught.value)
    assert "6 faults" in text
    for part in (
        "rouge_9",
        "label): pattern",
        "label): typo",
        "key_points needs",
        "always measured",
        "inside the proj",
    ):
        assert part in text
    assert "tunewell.yaml:11" in text


def test_one_metric_may_stand_twice_under_two_names(define: Define) -> None:
    file = define(
        "metrics: [{name: short, options: {metric: conciseness, words: 5}}, {name: conciseness}]"
    )
    assert [m.name for m in build_metrics(file)] == ["short", "conciseness"]


# --- the project's own ----------------------------------------------------------------------------

OWN = '''
from tunewell.metrics import Unscored, metric

@metric(title="Greets")
def greets(output, example, *, task):
    return output.startswith("Dear")

@metric()
def breaks(output, example, *, task):
    """Divides by nothing."""
    return 1 / 0

@metric(low=0, high=1)
def too_big(output, example, *, task):
    return 7.0

@metric()
def shy(output, example, *, task):
    return Unscored(reason="not today")
'''


def test_own_metrics_are_run_only_from_the_file_that_is_named(
    define: Define, tmp_path: Path
) -> None:
    (tmp_path / "metrics.py").write_text(OWN)
    names = ("greets", "breaks", "too_big", "shy")
    file = define(
        "metrics: ["
        + ", ".join(f"{{name: {n}, options: {{python: metrics.py}}}}" for n in names)
        + "]"
    )
    greets, breaks, too_big, shy = build_metrics(file)
    example = row("?", "x")
    assert value(greets, "Dear you", example, file) == 1
    assert greets.info.own
    assert len(greets.version) == 12
    for bad, why in (
        (breaks, "ZeroDivisionError"),
        (too_big, "outside its range"),
        (shy, "not today"),
    ):
        found = bad("x", example, task=file.spec)
        assert isinstance(found, Unscored)
        assert why in found.reason


def test_a_link_out_of_the_project_is_refused(
    define: Define, tmp_path: Path, tmp_path_factory: object
) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside.py"
    outside.write_text("raise SystemExit('must never run')")
    (tmp_path / "metrics.py").symlink_to(outside)
    with pytest.raises(TaskError, match="inside the project"):
        build_metrics(define("metrics: [{name: x, options: {python: metrics.py}}]"))


def test_a_fault_in_the_file_is_told_with_its_line(define: Define, tmp_path: Path) -> None:
    (tmp_path / "metrics.py").write_text("x = 1\ny = x.nothing\n")
    with pytest.raises(TaskError, match=r"metrics\.py:2: AttributeError"):
        build_metrics(define("metrics: [{name: x, options: {python: metrics.py}}]"))


def test_a_failed_prediction_is_unscored_never_nan() -> None:
    @metric()
    def nan(output: str, example: Example, *, task: object) -> float:
        return math.nan

    example = row("?", "x")
    prediction = Prediction(
        example="r1", arm="tuned", text="", finish="error", reason="out of memory"
    )
    failed = nan.score(prediction, example, task=None)  # type: ignore[arg-type]
    assert failed.value == Unscored(reason="no output: out of memory")
    fine = prediction.model_copy(update={"finish": "stop"})
    assert isinstance(nan.score(fine, example, task=None).value, Unscored)  # type: ignore[arg-type]


def test_the_built_in_infos_are_consistent() -> None:
    for name, builtin in BUILTINS.items():
        assert isinstance(builtin.info, MetricInfo)
        assert builtin.info.name == name
        assert builtin.info.low < builtin.info.high
        assert builtin.about.endswith(".")
