"""Raters who answer at random or always alike, with the probability that they do."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.inputs import Floats, Ints, codes, tally, vector
from tunewell.stats.special import betaln
from tunewell.types import Value

Habit = Literal["random", "always the first shown", "always the second shown", "always a tie"]

PRIOR: Final = 0.1
"""Probability of each kind of careless rater before anything is known of them."""

NAMED_FROM: Final = 0.5
"""A rater is named from this probability on."""

FEWEST_SHARED: Final = 10
"""Verdicts on questions that others rated too, below which nothing can be said of chance."""

_FIXED: Final = 0.975
"""How often somebody with a fixed habit follows it."""

_CONCENTRATIONS: Final = np.exp(np.linspace(math.log(0.2), math.log(200.0), 28))


class RaterHabit(Value):
    """What one rater's verdicts look like.

    Attributes:
        rater: Which one, in order of first appearance.
        verdicts: How many.
        shared: Of these, on questions that others gave a preference on too.
        habit: The likeliest careless habit.
        probability: That the rater is careless in any of the ways that could be checked.
        unchecked: Whether chance could not be checked: too few shared questions.
    """

    rater: int
    verdicts: int
    shared: int
    habit: Habit
    probability: float
    unchecked: bool

    @property
    def named(self) -> bool:
        """Whether the rater is named as careless."""
        return self.probability >= NAMED_FROM


def rater_habits(
    verdicts: ArrayLike,
    *,
    raters: Iterable[Hashable],
    questions: Iterable[Hashable],
    first_shown: ArrayLike,
) -> tuple[RaterHabit, ...]:
    """For every rater, the probability that the answers do not matter to the verdicts.

    Args:
        verdicts: 1 (the first arm preferred), .5 (tie), 0 (the second), shape (n,).
        raters: Who said it, shape (n,).
        questions: On which question, shape (n,).
        first_shown: Whether the first arm stood first on the page, shape (n,), drawn by lot.

    Returns:
        One for each rater, in order of first appearance.

    Notes:
        An attentive rater prefers the first arm on a question with the probability that the others'
        verdicts on it predict (beta-binomial, fitted without this rater); a random one with
        probability one half; one with a fixed habit by place. Each habit has the same prior. A
        rater who honestly sees things otherwise than all others looks random.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> truth = rng.random(40) < 0.5
        >>> said = np.concatenate([np.where(rng.random(40) < 0.9, truth, ~truth) for _ in range(5)])
        >>> said = np.concatenate([said, rng.random(40) < 0.5]).astype(float)
        >>> who, what = np.repeat(np.arange(6), 40), np.tile(np.arange(40), 6)
        >>> found = rater_habits(said, raters=who, questions=what, first_shown=rng.random(240) < .5)
        >>> [habit.rater for habit in found if habit.named]
        [5]
    """
    x = vector(verdicts, "verdicts")
    first = np.asarray(first_shown, dtype=np.float64)
    if first.shape != x.shape:
        raise ValueError("'first_shown' must say for every verdict which arm stood first.")
    people = codes(raters, x.size, "raters")
    asked = codes(questions, x.size, "questions")
    count = int(people.max()) + 1
    return tuple(_habit(rater, x, people, asked, first) for rater in range(count))


def _habit(
    rater: int,
    x: Floats,
    people: Ints,
    asked: Ints,
    first: Floats,
) -> RaterHabit:
    own = people == rater
    decided = x != 0.5
    mine = own & decided
    # Whether the answer that stood first was preferred.
    took_first = np.where(first[mine] > 0, x[mine], 1 - x[mine])

    attentive, shared = _as_others(x, people, asked, rater)
    n, ties = int(own.sum()), int((own & ~decided).sum())
    by_chance = -math.log(2) * took_first.size
    # How many ties somebody gives is their own affair, and says nothing by itself.
    any_ties = float(betaln(ties + 1, n - ties + 1))
    unchecked = shared < FEWEST_SHARED

    weights: dict[Habit, float] = {
        "always the first shown": _by_place(took_first) + any_ties,
        "always the second shown": _by_place(1 - took_first) + any_ties,
        "always a tie": _by_habit(ties, n) + by_chance,
    }
    if not unchecked:
        weights["random"] = by_chance + any_ties
    posterior = {name: math.log(PRIOR) + weight for name, weight in weights.items()}
    honest = math.log(1 - PRIOR * len(weights)) + attentive + any_ties
    likeliest = max(posterior, key=lambda name: posterior[name])
    total = float(np.logaddexp.reduce([*posterior.values(), honest]))
    return RaterHabit(
        rater=rater,
        verdicts=n,
        shared=shared,
        habit=likeliest,
        probability=1.0 - math.exp(honest - total),
        unchecked=unchecked,
    )


def _by_place(follows: Floats) -> float:
    return _by_habit(int(follows.sum()), follows.size)


def _by_habit(follows: int, n: int) -> float:
    """Log probability of so many verdicts that follow a fixed habit."""
    return follows * math.log(_FIXED) + (n - follows) * math.log(1 - _FIXED)


def _as_others(x: Floats, people: Ints, asked: Ints, rater: int) -> tuple[float, int]:
    """Log probability of a rater's preferences as the others' predict them, and how many of them.

    Where nobody else gave a preference, one half.
    """
    decided = x != 0.5
    size = int(asked.max()) + 1
    others = decided & (people != rater)
    wins = tally(asked[others], x[others], size)
    seen = tally(asked[others], None, size)
    mine = decided & (people == rater)

    centre = (float(wins.sum()) + 1) / (float(seen.sum()) + 2)
    strength = _strength(wins, seen - wins, centre)
    at = asked[mine]
    known = seen[at] > 0
    chance = np.full(at.size, 0.5)
    chance[known] = (strength * centre + wins[at][known]) / (strength + seen[at][known])
    said = np.where(x[mine] == 1, chance, 1 - chance)
    return float(np.log(said).sum()), int(known.sum())


def _strength(wins: Floats, losses: Floats, centre: float) -> float:
    """How little questions differ: the beta distribution's size that fits the others best."""
    some = (wins + losses) > 1
    if not some.any():
        return float(_CONCENTRATIONS[-1])
    a = (_CONCENTRATIONS * centre)[:, None]
    b = (_CONCENTRATIONS * (1 - centre))[:, None]
    fits = (betaln(a + wins[some], b + losses[some]) - betaln(a, b)).sum(axis=1)
    return float(_CONCENTRATIONS[int(fits.argmax())])
