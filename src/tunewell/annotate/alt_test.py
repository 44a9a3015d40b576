"""May a model annotate instead of a person? The alternative annotator test."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from tunewell.errors import UserError
from tunewell.people import WorkStore
from tunewell.people.work import Batch
from tunewell.stats import benjamini_hochberg, mean
from tunewell.types import Estimate, Value

FEWEST = 30
"""Rows that each person must share with another before t can be trusted."""
EPSILON = 0.2
"""How much worse than an expert a model may be, since it costs so much less; .15 for trained people, .1 for a crowd."""


class AgainstOne(Value):
    """The model in the place of one person.

    Attributes:
        account: The person left out.
        advantage: Share of rows on which the model agrees with the others at least as well as this
            person does.
        p_value: That the model is worse than this person by ``epsilon`` or more.
        beaten: Whether that is refuted, corrected for the number of people.
    """

    account: str
    advantage: Estimate
    p_value: float
    beaten: bool


class AltTest(Value):
    """The verdict of the test.

    Attributes:
        people: The model against each person.
        winning_rate: Share of the people that the model may stand in for.
        passed: Whether that is half of them or more.
        epsilon: The margin.
    """

    people: tuple[AgainstOne, ...]
    winning_rate: float
    passed: bool
    epsilon: float


def alt_test(
    people: Mapping[tuple[str, str], str],
    model: Mapping[str, str],
    *,
    epsilon: float = EPSILON,
    q: float = 0.05,
) -> AltTest:
    """Leave each person out in turn and ask who agrees better with the others: the person or the model.

    Args:
        people: Label by (person, row); at least two people (the paper asks for three).
        model: Label by row.
        epsilon: The model may be worse by less than this, in [0, 1).
        q: False discovery rate over the people (Benjamini & Yekutieli's, which holds under any
            dependence).

    Raises:
        UserError: Too few people or rows.

    Source:
        Calderon, Reichart & Dror 2025, The Alternative Annotator Test for LLM-as-a-Judge, arXiv
        2501.10970, section 3.

    Example:
        >>> rows = [str(i) for i in range(60)]
        >>> truth = {r: "abc"[int(r) % 3] for r in rows}
        >>> said = {(p, r): truth[r] if (int(r) + n) % 5 else "a"
        ...         for n, p in enumerate(("ann", "bob", "eve")) for r in rows}
        >>> alt_test(said, truth).passed, alt_test(said, dict.fromkeys(rows, "b")).passed
        (True, False)
    """
    if not 0 <= epsilon < 1:
        raise ValueError(f"'epsilon' must lie in [0, 1). Got {epsilon} instead.")
    by_row: dict[str, dict[str, str]] = defaultdict(dict)
    for (person, row), label in people.items():
        by_row[row][person] = label
    names = sorted({p for p, _ in people})
    if len(names) < 2:
        raise UserError(
            "the test needs the labels of at least two people",
            hint="tunewell annotate open --raters 2",
        )
    found = [_against(name, by_row, model, epsilon) for name in names]
    harmonic = sum(1 / k for k in range(1, len(names) + 1))
    beaten = benjamini_hochberg([p for _, p in found], q=q / harmonic)
    out = tuple(
        AgainstOne(account=name, advantage=advantage, p_value=p, beaten=bool(b))
        for name, (advantage, p), b in zip(names, found, beaten, strict=True)
    )
    rate = sum(o.beaten for o in out) / len(out)
    return AltTest(people=out, winning_rate=rate, passed=rate >= 0.5, epsilon=epsilon)


def _against(
    name: str, by_row: Mapping[str, Mapping[str, str]], model: Mapping[str, str], epsilon: float
) -> tuple[Estimate, float]:
    """Advantage of the model over one person, and the p-value of its being worse by ``epsilon`` or more."""
    wins: list[float] = []
    losses: list[float] = []
    for row, said in by_row.items():
        others = [label for person, label in said.items() if person != name]
        if name in said and others and row in model:
            mine = sum(label == said[name] for label in others)
            machine = sum(label == model[row] for label in others)
            wins.append(float(machine >= mine))
            losses.append(float(mine >= machine))
    if len(wins) < FEWEST:
        raise UserError(
            f"{len(wins)} rows were labelled by {name}, another person and the model; the test needs {FEWEST}",
            hint="50 to 100 rows with at least two people each",
        )
    return mean(wins, low=0, high=1), _p_value(np.array(losses) - np.array(wins), epsilon)


def _p_value(worse: NDArray[np.float64], epsilon: float) -> float:
    """One-sided t test that the mean of ``worse`` is ``epsilon`` or more."""
    spread = float(worse.std(ddof=1))
    if spread == 0:
        return 0.0 if float(worse.mean()) < epsilon else 1.0
    return float(
        stdtr(worse.size - 1, (float(worse.mean()) - epsilon) / (spread / math.sqrt(worse.size)))
    )


def labels_of(book: WorkStore, batch: Batch) -> dict[tuple[str, str], str]:
    """Label by (account, example) of an annotation; adjudicators' and skipped words left out."""
    items = {i.id: i.example for i in book.items(batch.id)}
    return {
        (v.account, items[v.item]): v.said.label
        for v in book.verdicts(batch.id)
        if v.said.label and v.account not in batch.adjudicators
    }
