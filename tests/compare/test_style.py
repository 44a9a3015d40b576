"""Style alone: nothing to tell between equal arms, much between a chatty and a terse one."""

from __future__ import annotations

import numpy as np
import pytest

from tunewell.compare import style_adjusted, style_predictability

WORDS = "restart the router then check the cable and the light before you call again".split()


def answers(rng: np.random.Generator, count: int, *, longer: float = 1.0) -> list[str]:
    found = []
    for _ in range(count):
        size = int(longer * rng.integers(8, 30))
        words = rng.choice(WORDS, size)
        found.append(" ".join(words) + ".")
    return found


def test_equal_arms_cannot_be_told_apart() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(40):
        found = style_predictability(answers(rng, 40), answers(rng, 40))
        assert found.area is not None
        covered += found.area.low <= 0.5 <= found.area.high
        assert not found.gives_away
    # Held-out scores of equal arms lie a little below one half.
    assert covered >= 30


def test_a_longer_arm_gives_itself_away() -> None:
    rng = np.random.default_rng(1)
    found = style_predictability(answers(rng, 40, longer=3), answers(rng, 40))
    assert found.gives_away
    assert found.lengths[0] > 2 * found.lengths[1]


def test_few_questions_are_not_measured() -> None:
    found = style_predictability(["a"] * 5, ["b"] * 5)
    assert found.area is None
    assert "5 questions" in found.why


def test_a_preference_for_length_alone_is_gone_once_it_is_held_equal() -> None:
    rng = np.random.default_rng(2)
    first, second = answers(rng, 240, longer=1.6), answers(rng, 240)
    longer = np.array([len(a) - len(b) for a, b in zip(first, second, strict=True)])
    said = (rng.random(240) < 1 / (1 + np.exp(-longer / 25))).astype(float)
    raters = [f"r{n % 8}" for n in range(240)]
    adjusted = style_adjusted(said.tolist(), first, second, raters=raters)
    assert said.mean() > 0.6
    assert adjusted is not None
    assert adjusted.low < 0.5 < adjusted.high
    assert adjusted.value < said.mean() - 0.1


def test_a_preference_that_has_nothing_to_do_with_style_stays() -> None:
    rng = np.random.default_rng(3)
    said = (rng.random(240) < 0.75).astype(float)
    raters = [f"r{n % 8}" for n in range(240)]
    adjusted = style_adjusted(said.tolist(), answers(rng, 240), answers(rng, 240), raters=raters)
    assert adjusted is not None
    assert adjusted.low > 0.6
    assert adjusted.value == pytest.approx(said.mean(), abs=0.05)
