from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from tests.metrics.conftest import row
from tunewell.errors import TaskError
from tunewell.metrics import build_metrics
from tunewell.task import TaskFile
from tunewell.types import Prediction, Unscored

Define = Callable[..., TaskFile]


def said(text: str, probability: float, *, tokens: int = 4, finish: str = "stop") -> Prediction:
    return Prediction.model_validate(
        {
            "example": "r1",
            "arm": "tuned",
            "text": text,
            "nats": -math.log(probability),
            "nats_tokens": tokens,
            "finish": finish,
        }
    )


def test_brier_punishes_confidence_in_a_wrong_answer(define: Define) -> None:
    file = define(
        "metrics: [{name: label}, {name: brier}, "
        "{name: mild, options: {metric: brier, per: token}}]"
    )
    _, brier, mild = build_metrics(file)
    example = row("?", "billing")
    value = {
        (m.name, text): m.score(said(text, 0.81), example, task=file.spec).value
        for m in (brier, mild)
        for text in ("billing", "outage")
    }
    assert value["brier", "billing"] == pytest.approx(0.19**2)
    assert value["brier", "outage"] == pytest.approx(0.81**2)
    assert value["mild", "outage"] == pytest.approx(0.81**0.5)  # 0.81 ** (1/4), squared
    assert not brier.info.bigger_is_better


def test_without_probabilities_there_is_no_score(define: Define) -> None:
    file = define("metrics: [{name: label}, {name: brier}]")
    brier = build_metrics(file)[1]
    example = row("?", "billing")
    plain = Prediction(example="r1", arm="a", text="billing")
    for prediction, why in (
        (plain, "was not scored"),
        (said("billing", 0.9, finish="length"), "was cut"),
    ):
        found = brier.score(prediction, example, task=file.spec).value
        assert isinstance(found, Unscored)
        assert why in found.reason
    assert isinstance(brier("billing", example, task=file.spec), Unscored)


@pytest.mark.parametrize(
    ("metrics", "why"),
    [
        ("[{name: brier}]", "there is no 'label'"),
        ("[{name: words}, {name: brier, options: {of: words}}]", "'words' has another range"),
        ("[{name: brier, options: {of: brier}}]", "there is no 'brier'"),
    ],
)
def test_what_it_is_held_against_must_be_there(define: Define, metrics: str, why: str) -> None:
    with pytest.raises(TaskError) as error:
        build_metrics(define(f"metrics: {metrics}"))
    assert why in str(error.value)
