"""Metrics of transcripts, as tunewell.yaml names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tunewell.metrics import Unscored, build_metrics
from tunewell.metrics.speech import Transcript, score_speech
from tunewell.task import parse_task
from tunewell.types import Example, Message, Prediction

TASK = """
task: {name: desk, about: Writes dictations down., input: a recording, output: its words}
data: [{path: rows.jsonl}]
metrics:
  - name: word_errors
  - name: character_errors
  - {name: ward_errors, options: {metric: word_errors, kinds: [ward]}}
  - {name: terms, options: {terms: [duloxetine, Sankt Anna]}}
  - {name: new_terms, options: {metric: terms, which: new, terms: [duloxetine, Sankt Anna]}}
  - name: words_on_no_speech
"""


def row(id: str, said: str, *, kind: str = "") -> Example:
    turns = (
        Message(role="user", content="", audio="05af" * 16),
        Message(role="assistant", content=said),
    )
    return Example(id=id, messages=turns, kind=kind, group=id)


@pytest.fixture(scope="module")
def file() -> Any:
    return parse_task(TASK, path=Path("tunewell.yaml"), environment={})


def scored(file: Any, metric: str, example: Example, heard: str) -> Any:
    [found] = [m for m in build_metrics(file) if m.name == metric]
    if metric == "new_terms":
        assert found.learned
        found.learned([row("t", "Go to Sankt Anna.")])
    if found.applies(example):
        return found.applies(example)
    answer = Prediction(example=example.id, arm="tuned", text=heard)
    score = found.score(answer, example, task=file.spec)
    return score.value, score.weight


@pytest.mark.parametrize(
    ("metric", "said", "heard", "expected"),
    [
        ("word_errors", "Take 5 mg now, please.", "take five milligrams no", (0.4, 5)),
        ("word_errors", "Stop.", "stop it now", (2.0, 1)),
        ("word_errors", "Stop.", "", (1.0, 1)),
        ("character_errors", "a cat", "a cart", (0.2, 5)),
        ("terms", "Duloxetine or duloxetine?", "duloxetine or the locks", (0.5, 2)),
        ("terms", "Stop.", "duloxetine", "no listed term is said"),
        ("new_terms", "Duloxetine in Sankt Anna", "sankt anna", (0.0, 1)),
        ("new_terms", "In Sankt Anna", "sankt anna", "no listed term is said"),
        ("words_on_no_speech", "Stop.", "stop", "somebody speaks"),
    ],
)
def test_a_row_counts_by_what_is_said_in_it(
    file: Any, metric: str, said: str, heard: str, expected: Any
) -> None:
    assert scored(file, metric, row("r", said), heard) == expected


def test_where_nobody_speaks_only_words_count(file: Any) -> None:
    silent = row("r", "", kind="no-speech")
    assert scored(file, "words_on_no_speech", silent, "") == (0.0, 1)
    assert scored(file, "words_on_no_speech", silent, "Please use.") == (1.0, 1)
    assert scored(file, "word_errors", silent, "") == "no words are said"


def test_errors_of_some_kinds_alone(file: Any) -> None:
    """So that a gain is not asked of general speech, which is to stay as it is."""
    assert scored(file, "ward_errors", row("r", "Stop.", kind="ward"), "") == (1.0, 1)
    said = scored(file, "ward_errors", row("r", "Stop.", kind="general"), "")
    assert said == "its kind is not measured"


def test_a_failed_transcript_is_unscored_and_counted(file: Any) -> None:
    [metric] = [m for m in build_metrics(file) if m.name == "word_errors"]
    failed = Prediction(example="r", arm="tuned", text="", finish="error", reason="no file")
    assert isinstance(metric.score(failed, row("r", "Stop."), task=file.spec).value, Unscored)


def test_the_evaluation_sums_errors_before_it_divides(file: Any) -> None:
    """The same figure as `score_speech` gives, whatever the lengths of the rows."""
    from tunewell.evaluate.scored_arms import score_all
    from tunewell.evaluate.table import table_of

    rows = [
        row("a", "one two three four five six seven eight nine ten"),
        row("b", "stop"),
        row("c", "take five now"),
        row("d", "no change since may"),
    ]
    heard = {
        "base": ["one two three four", "go", "take nine", "no chain in may"],
        "tuned": ["one two three four five six seven eight nine ten", "go", "take five", "no"],
    }
    answers = [
        Prediction(example=example.id, arm=arm, text=text)
        for arm, texts in heard.items()
        for example, text in zip(rows, texts, strict=True)
    ]
    metrics = [m for m in build_metrics(file) if m.name == "word_errors"]
    table: Any = table_of(
        score_all(answers, rows, metrics, file),
        rows=[each.id for each in rows],
        metrics=[m.info for m in metrics],
        clusters=[each.group for each in rows],
    )
    expected = {}
    for arm, texts in heard.items():
        said = [
            Transcript(each.target, text, speaker=each.group)
            for each, text in zip(rows, texts, strict=True)
        ]
        errors: Any = score_speech(said).word_errors
        expected[arm] = errors.value
        level = table.level(arm, "word_errors")
        assert level.value == pytest.approx(expected[arm])
        assert level.low >= 0
    change = table.compare("tuned", "base", "word_errors")
    assert change.value == pytest.approx(expected["tuned"] - expected["base"])
    assert table.p_value("tuned", "base", "word_errors") > 0.05


def test_the_interval_of_a_ratio_is_narrower_than_that_of_sums_alone() -> None:
    """Speakers of nearly one rate and of many lengths: the ratio is certain, the sums are not."""
    from tunewell.stats import mean
    from tunewell.stats.ratios import linearised

    words = [10, 20, 40, 80, 15, 30, 60, 120, 25]
    errors = [1, 3, 4, 8, 2, 3, 6, 13, 2]
    ratio = mean(linearised(errors, words), clusters="abcdefghi")
    sums = mean([9 * each / sum(words) for each in errors], clusters="abcdefghi")
    assert ratio.value == pytest.approx(sums.value)
    assert ratio.high - ratio.low < 0.2 * (sums.high - sums.low)
