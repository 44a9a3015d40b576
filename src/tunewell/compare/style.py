"""How far style alone tells the arms apart, and what is left of a preference without it."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Sequence
from typing import Final

import numpy as np

from tunewell.similar.ridge import classes, fit_ridge
from tunewell.stats.auc import auc
from tunewell.stats.clustered import shared_variance
from tunewell.stats.inputs import Floats, codes, critical
from tunewell.stats.preference import LEAST_SHARE_OF_INDEPENDENT
from tunewell.types import Estimate, Value

FEATURES: Final = (
    "length",
    "sentence length",
    "word length",
    "lines",
    "commas",
    "exclamation marks",
    "question marks",
    "digits",
    "capitals",
    "brackets",
    "colons",
    "first person",
    "second person",
    "apostrophes",
    "other characters",
)
ADJUSTED_FOR: Final = ("length", "lines", "digits", "exclamation marks")
"""Differences that the style-adjusted effect holds at nought."""

FOLDS: Final = 5
FEWEST_QUESTIONS: Final = 10
GIVES_AWAY: Final = 0.7
"""From an area of this on, style alone gives the arms away."""

_WORDS: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_SENTENCES: Final = re.compile(r"[.!?]+(?:\s|$)")
_FIRST: Final = frozenset({"i", "i'm", "i've", "i'd", "my", "me", "we", "our", "us"})
_SECOND: Final = frozenset({"you", "your", "you're", "yours"})
_STEPS: Final = 60
_PENALTY: Final = 1.0
_AT_MOST: Final = 0.25


def style_of(text: str) -> Floats:
    """Features of style that need no understanding, shape (len(FEATURES),).

    Example:
        >>> style_of("Restart it. Then try again!").round(2).tolist()[:3]
        [1.79, 2.5, 4.2]
    """
    words = [word.lower() for word in _WORDS.findall(text)]
    count = max(len(words), 1)
    size = max(len(text), 1)
    sentences = max(len(_SENTENCES.findall(text)), 1)

    def share(characters: str) -> float:
        return sum(map(text.count, characters)) / size

    return np.array(
        [
            math.log1p(len(words)),
            len(words) / sentences,
            sum(map(len, words)) / count,
            math.log1p(text.count("\n")),
            share(",;"),
            share("!"),
            share("?"),
            sum(map(str.isdigit, text)) / size,
            sum(map(str.isupper, text)) / size,
            share("()[]"),
            share(":"),
            sum(word in _FIRST for word in words) / count,
            sum(word in _SECOND for word in words) / count,
            share("'"),
            sum(not character.isascii() for character in text) / size,
        ]
    )


class StylePredictability(Value):
    """How well the arm can be told from style alone.

    Attributes:
        area: Probability that a classifier that has not seen the question puts the first arm's
            answer above the second's; .5 = style tells nothing. None with too few questions.
        lengths: Median words of each arm.
        why: Why there is no area.
    """

    area: Estimate | None
    lengths: tuple[float, float]
    why: str = ""

    @property
    def gives_away(self) -> bool:
        """Whether style alone clearly gives the arms away."""
        return self.area is not None and self.area.low > GIVES_AWAY


def style_predictability(
    first: Sequence[str],
    second: Sequence[str],
    *,
    seed: int = 0,
    level: float = 0.95,
) -> StylePredictability:
    """How well style alone tells whose answer is whose, before anybody rates.

    Args:
        first: The first arm's answers, as raters would see them, one for each question.
        second: The second arm's, in the same order.
        seed: Of the folds.
        level: Of the interval.

    Source:
        Hanley & McNeil 1982 for the area's interval; both answers to a question are in one fold.
    """
    n = len(first)
    words = [[len(_WORDS.findall(text)) for text in texts] for texts in (first, second)]
    lengths = (float(np.median(words[0] or [0])), float(np.median(words[1] or [0])))
    if n < FEWEST_QUESTIONS:
        why = f"{n} questions; at least {FEWEST_QUESTIONS} are needed"
        return StylePredictability(area=None, lengths=lengths, why=why)

    points = _scaled(np.array([style_of(text) for text in [*first, *second]]))
    truth = classes(n, n)
    fold = np.tile(np.random.default_rng(seed).permutation(n) % FOLDS, 2)
    scores = np.zeros(2 * n)
    for k in range(FOLDS):
        held = fold == k
        ridge = fit_ridge(points[~held], truth[~held])
        scores[held] = ridge.scores(points[held])
    return StylePredictability(area=auc(scores[:n], scores[n:], level=level), lengths=lengths)


def _scaled(points: Floats) -> Floats:
    spread = points.std(axis=0)
    out: Floats = (points - points.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return out


def style_adjusted(
    values: Sequence[float],
    first: Sequence[str],
    second: Sequence[str],
    *,
    raters: Sequence[Hashable],
    level: float = 0.95,
) -> Estimate | None:
    """The win rate of the first arm between answers that are alike in style.

    Args:
        values: 1, .5 or 0 for each verdict.
        first: The first arm's answer of each verdict, as shown.
        second: The second arm's.
        raters: Who said it.
        level: Of the interval.

    Returns:
        None with fewer than twenty verdicts or two raters.

    Source:
        Logistic regression on differences of style, as arenas do it (Chiang et al. 2024); the
        variance clustered by rater (Liang & Zeger 1986), Student's t.
    """
    y = np.asarray(values, dtype=np.float64)
    people = codes(raters, y.size)
    units = int(people.max(initial=-1)) + 1
    if y.size < 20 or units < 2:
        return None
    columns = [FEATURES.index(name) for name in ADJUSTED_FOR]
    a = np.array([style_of(text)[columns] for text in first])
    b = np.array([style_of(text)[columns] for text in second])
    difference = a - b
    spread = np.sqrt((difference**2).mean(axis=0))
    x = np.column_stack([np.ones(y.size), difference / np.where(spread > 0, spread, 1.0)])

    # The intercept's own keeps it finite where everybody prefers one arm.
    penalty = np.diag([_AT_MOST, *[_PENALTY] * len(columns)])
    weights = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-x @ weights))
        information = (x * (p * (1 - p))[:, None]).T @ x + penalty
        step = np.linalg.solve(information, x.T @ (y - p) - penalty @ weights)
        weights = weights + np.clip(step, -2.0, 2.0)
    p = 1 / (1 + np.exp(-x @ weights))
    information = (x * (p * (1 - p))[:, None]).T @ x + penalty
    inverse = np.linalg.inv(information)
    influence = (inverse @ (x * (y - p)[:, None]).T)[0]
    variance, df = shared_variance(influence, people)
    # Raters who happen to agree exactly are no reason for an interval without width.
    variance = max(variance, LEAST_SHARE_OF_INDEPENDENT * float(inverse[0, 0]))
    half = critical(level, df) * math.sqrt(variance)
    log_odds = float(weights[0])
    return Estimate(
        value=_share(log_odds),
        low=_share(log_odds - half),
        high=_share(log_odds + half),
        level=level,
        n=units,
        method=f"logistic, {', '.join(ADJUSTED_FOR)} held equal, clustered by rater",
        unit="share",
    )


def _share(log_odds: float) -> float:
    return 1 / (1 + math.exp(-max(min(log_odds, 500.0), -500.0)))
