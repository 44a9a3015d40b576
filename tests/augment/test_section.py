"""Faults of ``augment:`` are said together, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewell.errors import TaskError
from tunewell.task import parse_task

HEAD = """\
task: {name: desk, about: Answers of a service desk., input: a question, output: an answer}
data: [{path: rows.jsonl}]
"""


def faults(section: str) -> list[str]:
    with pytest.raises(TaskError) as caught:
        parse_task(HEAD + section, path=Path("tunewell.yaml"), environment={})
    return [f"{place} {message}" for place, message in caught.value.faults]


def test_all_faults_at_once_with_their_lines() -> None:
    found = faults(
        """\
augment:
  cells:
    - {name: A cell, rows: 3, vary: [x]}
    - name: b
      rows: 0
      vary: [x]
      holds: [{in: input, has: ["/(/"]}]
    - {name: c, rows: 2}
    - {name: d, rows: 2, vary: [x], set: {date: soon}}
  least_rate: 2
  take_up: sometimes
"""
    )
    told = "\n".join(found)
    for place, words in (
        ("tunewell.yaml:5", "cells.0.name"),
        ("tunewell.yaml:7", "greater than or equal to 1"),
        ("tunewell.yaml:9", "is not a valid pattern"),
        ("tunewell.yaml:10", "say what varies"),
        ("tunewell.yaml:11", "date must be like 2026-05-31, got 'soon'"),
        ("tunewell.yaml:12", "least_rate"),
        ("tunewell.yaml:13", "take_up"),
    ):
        assert any(one.startswith(place) and words in one for one in found), (place, words, told)


def test_two_cells_with_one_name() -> None:
    (one,) = faults("augment: {cells: [{name: a, rows: 1, by: x}, {name: a, rows: 2, by: y}]}")
    assert "two cells have one name: a" in one


def test_words_are_the_fewest_and_the_most() -> None:
    section = "augment: {cells: [{name: a, rows: 1, by: x, holds: [{words: [9, 3]}]}]}"
    (one,) = faults(section)
    assert "words are the fewest and the most" in one
