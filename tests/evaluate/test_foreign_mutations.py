"""A small share of `bench.evaluation.foreign`: mutated files against an independent count."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.evaluation.foreign.count import count_annotations, count_outputs, may_go
from bench.evaluation.foreign.labels import LABEL_FORMATS
from bench.evaluation.foreign.oddities import COUNTED, FORMATS
from bench.evaluation.foreign.trial import MutationTrial, score_of


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_with_its_oddities_scores_as_counted(name: str) -> None:
    assert score_of(name, FORMATS[name]) == COUNTED


@pytest.mark.parametrize("part", range(3))
def test_mutated_outputs_never_change_the_denominator_and_never_get_a_false_go(
    tmp_path: Path, part: int
) -> None:
    trial = MutationTrial(tmp_path)
    for seed in range(20 * part, 20 * (part + 1)):
        trial.outputs(100_000 + seed)
    assert trial.faults == []
    assert trial.outcomes.total() == 20
    # Good files pass all the same: nothing is proved by a gate that never opens.
    assert trial.outcomes["GO"] > 1


def test_mutated_annotations_are_counted_as_by_hand(tmp_path: Path) -> None:
    trial = MutationTrial(tmp_path)
    for seed in range(20):
        trial.annotations(100_000 + seed)
    assert trial.faults == []
    assert trial.outcomes["label-studio: imported"] > 13


@pytest.mark.parametrize("turn", range(len(FORMATS)))
def test_every_format_counts_whatever_states_its_rows_are_in(tmp_path: Path, turn: int) -> None:
    trial = MutationTrial(tmp_path)
    for round_ in range(2):
        trial.formats(turn + round_ * len(FORMATS))
    assert trial.faults == []
    assert trial.outcomes.total() == 2


@pytest.mark.parametrize("turn", range(len(LABEL_FORMATS)))
def test_labels_of_every_tool_are_counted_as_they_were_written(tmp_path: Path, turn: int) -> None:
    trial = MutationTrial(tmp_path)
    for round_ in range(4):
        trial.labels(turn + round_ * len(LABEL_FORMATS))
    assert trial.faults == []
    assert sum(count for name, count in trial.outcomes.items() if "imported" in name) == 4


def test_the_independent_count_counts() -> None:
    gold = {"a": "x", "b": "y", "c": "z"}
    lines = b'{"id": "a", "output": "x"}\n{"id": "b", "output": null}\n{broken'
    assert count_outputs(gold, lines) == {"rows": 3, "right": 1, "unscored": 2}
    assert count_annotations({"a"}, {"x"}, b"[]") == {"rows": 0, "labels": 0}
    whole = {"rows": 60, "right": 60, "unscored": 0}
    assert may_go(whole, 0.75)
    assert not may_go(whole | {"right": 48}, 0.75)
    assert not may_go(whole | {"unscored": 4}, 0.75)
