"""What belongs to the task, by meaning (D01), and whether a set is the right exam for it (D02)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewell.curate.gaps import gaps
from tunewell.curate.rows import InputRow, Ledger
from tunewell.similar.meaning_map import islands, telling_words
from tunewell.similar.vectors import available, vectors
from tunewell.stats import proportion
from tunewell.task import TaskFile
from tunewell.types import Estimate

FOLDS = 5
_RIDGE = 1.0
_DEVIATIONS = 2.326 / 0.6745
"""From the median to the 1 % quantile of a normal law, in distances from the median to the quartile."""

_LEAST = 8
"""Fewer examples of either side do not make a classifier."""


@dataclass(frozen=True)
class Relevance:
    """How far each row belongs to the task.

    Attributes:
        belongs: How surely the row belongs, in (0, 1): above one half it is nearer to the rows that
            do, shape (rows,).
        off: Rows that are called off-task: below all but about one in a hundred of the rows that
            belong, shape (rows,).
        precision: Share of the rows called off-task that are, in the rows judged (not in the
            examples, where rows that do not belong are far more frequent): from how many are called
            so, and how many would be by mistake.
        recall: Share of the off-task examples that are found, by classifiers that have not seen
            them.
    """

    belongs: NDArray[np.float64]
    off: NDArray[np.bool_]
    precision: Estimate
    recall: Estimate


def relevance(
    rows: Sequence[str], positive: Sequence[str], negative: Sequence[str], *, seed: int = 0
) -> Relevance | None:
    """Learn from examples what belongs to the task, and judge rows by it.

    A ridge classifier over word vectors, cross-fitted: the examples are judged by classifiers that
    have not seen them, so its precision and recall are honest.

    Args:
        rows: What is to be judged.
        positive: Texts that belong.
        negative: Texts that do not (memos, small talk …).
        seed: Of the folds.

    Returns:
        None with fewer than eight examples of either side.

    Raises:
        MissingExtraError: ``vectors`` is not installed.
    """
    if min(len(positive), len(negative)) < _LEAST:
        return None
    known = vectors([*positive, *negative])
    truth = np.r_[np.ones(len(positive)), -np.ones(len(negative))]
    fold = np.random.default_rng(seed).permutation(len(truth)) % FOLDS
    held = np.zeros(len(truth))
    for k in range(FOLDS):
        weights, shift = _fit(known[fold != k], truth[fold != k])
        held[fold == k] = known[fold == k] @ weights + shift
    cut = _bar(held[truth > 0])
    weights, shift = _fit(known, truth)
    scores = vectors(rows) @ weights + shift
    off = scores < cut
    mistakes = share(int((held[truth > 0] < cut).sum()), len(positive))
    return Relevance(
        belongs=1 / (1 + np.exp(-4 * scores)),
        off=off,
        precision=_precision(int(off.sum()), len(rows), mistakes),
        recall=share(int((held[truth < 0] < cut).sum()), len(negative)),
    )


def _bar(scores: NDArray[np.float64]) -> float:
    """Score below which a row is called off-task: the 1 % quantile of a normal law through the median and the quartile.

    The examples that belong may hold some that do not (in curation they are all rows that are
    left), so their own 1 % quantile would be the score of those.
    """
    quarter, half = np.quantile(scores, [0.25, 0.5])
    return min(0.0, float(half - _DEVIATIONS * (half - quarter)))


def _precision(called: int, n: int, mistakes: Estimate) -> Estimate:
    """Share of the rows called off-task that are: what is left when those called so by mistake are taken away.

    All n rows at the rate of mistakes is the most that can be wrong; rows that are off-task cannot
    be, so it is a lower estimate.
    """
    method = f"mistakes among {mistakes.n} examples that belong, Wilson"
    if not called:
        return Estimate(value=0.0, low=0.0, high=1.0, n=0, method=method, unit="share")
    right = [
        min(1.0, max(0.0, 1 - rate * n / called))
        for rate in (mistakes.value, mistakes.high, mistakes.low)
    ]
    return Estimate(
        value=right[0], low=right[1], high=right[2], n=called, method=method, unit="share"
    )


_MOST_OFF = 0.1
"""If more rows than this share look off-task, the examples are not to be trusted, and nothing is dropped."""


def drop_off_task(
    rows: Sequence[InputRow], others: Sequence[InputRow], file: TaskFile, ledger: Ledger
) -> Relevance | None:
    """Drop rows that carry no kind, or a wrong one, and read like those of a kind that is dropped (D01).

    The rows that ``rules.kinds.drop`` named are the examples of what does not belong.

    Args:
        rows: Rows that are still there.
        others: Rows dropped for their kind.
        file: The project's definition.
        ledger: Receipts.
    """
    if not available():
        return None
    texts = [f"{row.input}\n{row.target}" for row in rows]
    step = max(1, len(texts) // 4_000)
    judged = relevance(
        texts, texts[::step], [f"{row.input}\n{row.target}" for row in others[:4_000]]
    )
    if judged is None or judged.recall.low < 0.5:
        return judged
    off = np.flatnonzero(judged.off).tolist()
    if len(off) > _MOST_OFF * len(rows):
        return judged
    for i in off:
        ledger.drop(
            rows[i],
            "kinds",
            f"reads like {', '.join(file.spec.rules.kinds.drop)}",
            cites=file.where("rules.kinds.drop"),
            code="D01",
            evidence=f"belongs {judged.belongs[i]:.2f}; precision {judged.precision}",
        )
    return judged


def _fit(
    points: NDArray[np.float32], truth: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Ridge regression on ±1 with classes of equal weight."""
    weight = np.where(truth > 0, 1 / max((truth > 0).sum(), 1), 1 / max((truth < 0).sum(), 1))
    weight = weight * len(truth) / weight.sum()
    centre = (points * weight[:, None]).sum(0) / weight.sum()
    shift = float((truth * weight).sum() / weight.sum())
    x = (points - centre) * np.sqrt(weight)[:, None]
    y = (truth - shift) * np.sqrt(weight)
    solved = np.linalg.solve(x.T @ x + _RIDGE * np.eye(x.shape[1]), x.T @ y)
    return solved, shift - float(centre @ solved)


def share(hits: int, n: int) -> Estimate:
    """A share with Wilson's interval, 95 %; the whole range where there is nothing to count."""
    if n == 0:
        return Estimate(value=0.0, low=0.0, high=1.0, n=0, method="Wilson", unit="share")
    return proportion(hits, n).model_copy(update={"unit": "share"})


# --- the right exam -------------------------------------------------------------------------------

_WORD = re.compile(r"[^\W\d_]{3,}")
_MOST_KINDS = 40
_READ = 20_000
"""Training rows that are searched for words: a word that none of so many uses is missing."""


@dataclass(frozen=True)
class SetFit:
    """How well a set covers another.

    Attributes:
        told_apart: Probability that a classifier tells a row of one set from a row of the other
            (AUC, cross-fitted): 0.5 = the same kind of text, 1 = nothing in common.
        uncovered: Share of the target's rows whose nearest row in the set is farther than nearly
            all of its own rows are from each other.
        rows: Positions of those rows of the target, the farthest first.
        missing: Words that many rows of the target use and the set (nearly) never does, the most
            frequent first.
        kinds: Kinds of row (by meaning) that the set has too few of, with how many rows are
            missing, the most first.
    """

    told_apart: Estimate
    uncovered: Estimate
    rows: tuple[int, ...]
    missing: tuple[str, ...]
    kinds: tuple[str, ...] = ()


def fit(
    training: Sequence[str], target: Sequence[str], *, seed: int = 0, most: int = 2_000
) -> SetFit:
    """Hold a training set against the traffic that the model will meet.

    Args:
        training: Inputs of the training rows.
        target: Inputs of a production sample or of the validation set.
        seed: Of the sample.
        most: Rows of each that are looked at.

    Raises:
        MissingExtraError: ``vectors`` is not installed.
    """
    random = np.random.default_rng(seed)
    train_at = random.permutation(len(training))[:most]
    target_at = np.sort(random.permutation(len(target))[:most])
    a = vectors([training[i] for i in train_at])
    b = vectors([target[i] for i in target_at])
    nearest = (b @ a.T).max(axis=1) if len(a) else np.zeros(len(b))
    own = b @ b.T
    np.fill_diagonal(own, -1)
    usual = float(np.quantile(own.max(axis=1), 0.05)) if len(b) > 1 else 0.5
    far = np.flatnonzero(nearest < usual)
    return SetFit(
        told_apart=_auc(a, b, seed),
        uncovered=share(len(far), len(b)),
        rows=tuple(int(target_at[i]) for i in far[np.argsort(nearest[far])]),
        missing=missing_terms(training, target),
        kinds=_short(
            [training[i] for i in train_at],
            [target[i] for i in target_at],
            np.vstack([a, b]),
            seed,
            of=len(training),
        ),
    )


def _short(
    training: Sequence[str],
    target: Sequence[str],
    points: NDArray[np.float32],
    seed: int,
    *,
    of: int,
) -> tuple[str, ...]:
    """Clusters of both sets together in which training has less than half of the target's share, in words."""
    own, centres = islands(points, seed=seed, most=_MOST_KINDS)
    has, due = (
        np.bincount(part, minlength=len(centres))
        for part in (own[: len(training)], own[len(training) :])
    )
    words = telling_words([*training, *target], own, len(centres))
    more = of / max(len(training), 1)  # training is a sample
    lacking = [
        (lack, words[k])
        for k, lack in enumerate(gaps(has.tolist(), due.tolist()))
        if lack is not None
    ]
    return tuple(
        f"{', '.join(names) or 'rows without telling words'} (about {lack.value * more:,.0f} rows "
        f"[{lack.low * more:,.0f}, {lack.high * more:,.0f}])"
        for lack, names in sorted(lacking, key=lambda pair: -pair[0].value)
    )


def _auc(a: NDArray[np.float32], b: NDArray[np.float32], seed: int) -> Estimate:
    points = np.vstack([a, b])
    truth = np.r_[np.ones(len(a)), -np.ones(len(b))]
    fold = np.random.default_rng(seed).permutation(len(truth)) % FOLDS
    scores = np.zeros(len(truth))
    for k in range(FOLDS):
        weights, shift = _fit(points[fold != k], truth[fold != k])
        scores[fold == k] = points[fold == k] @ weights + shift
    order = np.argsort(np.argsort(scores)) + 1.0
    na, nb = len(a), len(b)
    value = float((order[:na].sum() - na * (na + 1) / 2) / (na * nb)) if na and nb else 0.5
    # Hanley and McNeil (1982).
    q1, q2 = value / (2 - value), 2 * value**2 / (1 + value)
    error = np.sqrt(
        max(0.0, value * (1 - value) + (na - 1) * (q1 - value**2) + (nb - 1) * (q2 - value**2))
        / (na * nb)
    )
    low, high = max(0.0, value - 1.96 * error), min(1.0, value + 1.96 * error)
    return Estimate(
        value=value,
        low=float(low),
        high=float(high),
        n=na + nb,
        method="AUC, Hanley-McNeil",
        unit="AUC",
    )


def missing_terms(
    training: Sequence[str], target: Sequence[str], *, most: int = 20
) -> tuple[str, ...]:
    """Words in at least 1 % (and two) of the target's rows that are at least 20 times rarer in training.

    Example:
        >>> missing_terms(["pay the bill"] * 9, ["pay the bill", "read the meter", "the meter is old"])
        ('meter',)
    """
    training = training[:: max(1, len(training) // _READ)]
    known, wanted = _frequency(training), _frequency(target)
    least = max(2, len(target) // 100)
    found = [
        (n, word)
        for word, n in wanted.items()
        if n >= least and known[word] / max(len(training), 1) * 20 < n / len(target)
    ]
    return tuple(word for _, word in sorted(found, key=lambda pair: (-pair[0], pair[1]))[:most])


def _frequency(texts: Sequence[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update({word.lower() for word in _WORD.findall(text)})
    return counts
