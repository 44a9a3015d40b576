"""May a model annotate instead of a person?"""

from __future__ import annotations

import random

import pytest

from tunewell.annotate import alt_test
from tunewell.errors import UserError

LABELS = "abcd"


def panel(
    rows: int, accuracy: list[float], model: float, seed: int
) -> tuple[dict[tuple[str, str], str], dict[str, str]]:
    """People and a model who are right with these probabilities, else any other label."""
    luck = random.Random(seed)
    people: dict[tuple[str, str], str] = {}
    machine: dict[str, str] = {}
    for i in range(rows):
        truth = luck.choice(LABELS)

        def say(p: float, truth: str = truth) -> str:
            return truth if luck.random() < p else luck.choice([c for c in LABELS if c != truth])

        for n, p in enumerate(accuracy):
            people[f"p{n}", str(i)] = say(p)
        machine[str(i)] = say(model)
    return people, machine


def test_a_model_as_good_as_people_passes_and_a_poor_one_does_not() -> None:
    passed = [alt_test(*panel(100, [0.85, 0.85, 0.85], 0.85, s)).passed for s in range(60)]
    failed = [alt_test(*panel(100, [0.85, 0.85, 0.85], 0.45, s)).passed for s in range(60)]
    assert sum(passed) >= 50
    assert sum(failed) == 0


def test_at_the_margin_it_seldom_passes() -> None:
    """A model as far behind as the margin allows passes about as often as q says, per person."""
    beaten = 0
    for seed in range(300):
        found = alt_test(
            *panel(100, [1.0, 1.0], 0.8, seed)
        )  # the others are always right: disadvantage exactly .2
        beaten += sum(p.beaten for p in found.people)
    assert beaten / 600 < 0.05 + 3 * (0.05 * 0.95 / 300) ** 0.5


def test_perfect_agreement_and_too_little_to_go_by() -> None:
    people, model = panel(40, [1.0, 1.0], 1.0, 0)
    found = alt_test(people, model)
    assert found.winning_rate == 1
    assert [p.p_value for p in found.people] == [0.0, 0.0]
    with pytest.raises(UserError, match="needs 30"):
        alt_test(*panel(20, [1.0, 1.0], 1.0, 0))
    with pytest.raises(UserError, match="at least two people"):
        alt_test(*panel(50, [1.0], 1.0, 0))
