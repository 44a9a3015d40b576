"""Answers that cost nothing, beside the arms: the commonest one, the input, the nearest row's.

A model that is not shown to beat them has learnt nothing that matters, however high its score.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewell.evaluate.metric_kinds import kind_of
from tunewell.evaluate.scored_arms import score_all
from tunewell.metrics import Metric
from tunewell.similar import split_words
from tunewell.similar.word_products import WordCells, common
from tunewell.task import TaskFile
from tunewell.types import Example, Prediction, Score

COMMONEST: Final = "commonest answer"
COPIED: Final = "copied input"
NEAREST: Final = "nearest training row"
TO_BEAT: Final = (COMMONEST, COPIED)
"""A gain has to beat these as well; the nearest row is shown: a look-up may honestly win."""
BASELINES: Final = (*TO_BEAT, NEAREST)

_WITHOUT_GOLD: Final = frozenset(
    {
        "brier",
        "conciseness",
        "format",
        "grounded",
        "guideline",
        "judge",
        "must_not",
        "novel",
        "readability",
        "schema",
        "support",
        "words",
    }
)
"""Metrics that never look at the gold answer: a copied input may be perfect by them."""
_MOST_TRAIN: Final = 50_000
"""Training rows among which the nearest is looked for."""
_BUCKETS: Final = 1 << 20
_BLOCK: Final = 256


def against_gold(metrics: Sequence[Metric], file: TaskFile) -> list[Metric]:
    """The metrics that hold an answer against the gold one, and ask no model about it."""
    kinds = {spec.name: kind_of(spec) for spec in file.spec.metrics}
    found = []
    for metric in metrics:
        asks_a_model = metric.prepare is not None or metric.rate is not None
        if not asks_a_model and kinds.get(metric.name) not in _WITHOUT_GOLD:
            found.append(metric)
    return found


def baseline_scores(
    rows: Sequence[Example],
    train: Sequence[Example],
    metrics: Sequence[Metric],
    file: TaskFile,
) -> list[Score]:
    """The scores of every baseline on the held-out rows.

    Args:
        rows: The held-out rows.
        train: The training rows; empty = the nearest row's answer is left out.
        metrics: Of the task; those that need no gold answer are left out.
        file: The definition.
    """
    measured = against_gold(metrics, file)
    if not rows or not measured:
        return []
    answers = list(_answers(rows, COPIED, [e.input for e in rows]))
    if train:
        answers += _answers(rows, NEAREST, nearest_answers(rows, train))
    scores = score_all(answers, rows, measured, file)
    for metric in measured:
        constant = commonest(metric, rows, file)
        said = list(_answers(rows, COMMONEST, [constant] * len(rows)))
        scores += score_all(said, rows, [metric], file)
    return scores


def _answers(
    rows: Sequence[Example],
    arm: str,
    texts: Sequence[str],
) -> Iterator[Prediction]:
    for row, text in zip(rows, texts, strict=True):
        yield Prediction(example=row.id, arm=arm, text=text)


def commonest(metric: Metric, rows: Sequence[Example], file: TaskFile) -> str:
    """The one gold answer that scores best if it is given to every row.

    Of the commonest gold answers and of those whose beginning is the commonest (a label at the head
    of a text), the one with the highest mean.
    """
    sign = 1 if metric.info.bigger_is_better else -1

    def score(text: str) -> float:
        said = list(_answers(rows, COMMONEST, [text] * len(rows)))
        values = [s.value for s in score_all(said, rows, [metric], file)]
        seen = [value for value in values if isinstance(value, float)]
        return sign * float(np.mean(seen)) if seen else -np.inf

    return max(_constants(rows), key=score)


def _constants(rows: Sequence[Example]) -> list[str]:
    """The two commonest gold answers, and the first of each of the two commonest beginnings."""
    whole = Counter(row.target for row in rows)
    heads: Counter[str] = Counter()
    first: dict[str, str] = {}
    for row in rows:
        head = next(iter(row.target.split(maxsplit=1)), "")
        heads[head] += 1
        first.setdefault(head, row.target)
    tried = [text for text, _ in whole.most_common(2)]
    tried += [first[head] for head, _ in heads.most_common(2)]
    return list(dict.fromkeys(tried))


def nearest_answers(rows: Sequence[Example], train: Sequence[Example]) -> list[str]:
    """The answer of the training row whose input shares most words with each row's, rare ones more.

    Cosine of word counts weighted by how rare a word is among the training rows.
    """
    kept = [row for row in train[:_MOST_TRAIN] if row.target]
    if not kept:
        return [""] * len(rows)
    known, asked = _counts(kept), _counts(rows)
    holding = np.bincount(known.column, minlength=_BUCKETS)
    rarity = np.log1p(len(kept) / np.maximum(holding, 1))
    known, asked = _weighted(known, rarity), _weighted(asked, rarity)
    found: list[str] = []
    for start in range(0, len(rows), _BLOCK):
        block = asked.between(start, min(start + _BLOCK, len(rows)))
        cosine = common(block, known)
        found += [kept[int(i)].target for i in cosine.argmax(axis=1)]
    return found


def _counts(rows: Sequence[Example]) -> WordCells:
    """How often each word stands in each row's input, by the number of the word's bucket."""
    words = split_words([row.input for row in rows])
    row = np.repeat(np.arange(len(rows)), words.lengths)
    cells, times = np.unique(row * _BUCKETS + words.codes % _BUCKETS, return_counts=True)
    return WordCells(cells // _BUCKETS, cells % _BUCKETS, times.astype(np.float64), len(rows))


def _weighted(counts: WordCells, rarity: NDArray[np.float64]) -> WordCells:
    """Counts times how rare their words are, every row with length one; empty rows stay empty."""
    value = counts.value * rarity[counts.column]
    lengths = np.sqrt(np.bincount(counts.row, weights=value**2, minlength=counts.rows))
    unit = value / np.maximum(lengths[counts.row], 1e-12)
    return WordCells(counts.row, counts.column, unit, counts.rows)
