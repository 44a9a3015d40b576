"""May a model annotate instead of a person? The alternative annotator test."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tunewell.errors import UserError
from tunewell.people import WorkStore
from tunewell.people.work import Batch
from tunewell.stats import benjamini_hochberg, mean
from tunewell.stats.special import stdtr
from tunewell.types import Estimate, Value

FEWEST = 30
"""Rows that each person must share with another before t can be trusted."""

EPSILON = 0.2
"""How much worse than an expert a model may be, since it costs so much less.

The paper suggests .15 for trained people and .1 for a crowd.
"""


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
    """Leave out each person in turn: who agrees better with the others, the person or the model?

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
        raise ValueError(f"'epsilon' must be in [0, 1). Got {epsilon} instead.")

    by_person = _labels_by_person(people)
    names = sorted(by_person)
    if len(names) < 2:
        raise UserError(
            "the test needs labels from at least two people",
            hint="tunewell annotate open --raters 2",
        )

    compared = [_against(name, by_person, model, epsilon) for name in names]
    advantages, p_values = zip(*compared, strict=True)

    # Benjamini & Yekutieli 2001: divided by 1 + 1/2 + … + 1/people, q holds under any dependence.
    harmonic = float(np.sum(1 / np.arange(1, len(names) + 1)))
    refuted = benjamini_hochberg(p_values, q=q / harmonic)
    rate = float(np.mean(refuted))

    found = tuple(
        AgainstOne(
            account=name,
            advantage=advantage,
            p_value=p_value,
            beaten=bool(beaten),
        )
        for name, advantage, p_value, beaten in zip(
            names,
            advantages,
            p_values,
            refuted,
            strict=True,
        )
    )
    return AltTest(
        people=found,
        winning_rate=rate,
        passed=rate >= 0.5,
        epsilon=epsilon,
    )


def _labels_by_person(people: Mapping[tuple[str, str], str]) -> dict[str, dict[str, str]]:
    """Label by person and row."""
    by_person: dict[str, dict[str, str]] = defaultdict(dict)
    for (person, row), label in people.items():
        by_person[person][row] = label
    return by_person


def _against(
    name: str,
    by_person: Mapping[str, Mapping[str, str]],
    model: Mapping[str, str],
    epsilon: float,
) -> tuple[Estimate, float]:
    """Advantage of the model over one person, and the p-value that it is worse by ``epsilon``."""
    own = by_person[name]
    everybody_else = [labels for person, labels in by_person.items() if person != name]
    wins: list[float] = []
    losses: list[float] = []
    for row, label in own.items():
        others = [labels[row] for labels in everybody_else if row in labels]
        if row not in model or not others:
            continue
        agrees_with_person = others.count(label)
        agrees_with_model = others.count(model[row])
        wins.append(float(agrees_with_model >= agrees_with_person))
        losses.append(float(agrees_with_person >= agrees_with_model))

    if len(wins) < FEWEST:
        raise UserError(
            f"only {len(wins)} rows were labelled by {name}, another person and the model; "
            f"the test needs {FEWEST}",
            hint="50 to 100 rows with at least two people each",
        )
    advantage = mean(wins, low=0, high=1)
    worse_by = np.array(losses) - np.array(wins)
    return advantage, _p_value(worse_by, epsilon)


def _p_value(worse_by: NDArray[np.float64], epsilon: float) -> float:
    """One-sided t test that the mean of ``worse_by`` is ``epsilon`` or more."""
    average = float(worse_by.mean())
    spread = float(worse_by.std(ddof=1))
    if spread == 0:
        return 0.0 if average < epsilon else 1.0
    t = (average - epsilon) / (spread / math.sqrt(worse_by.size))
    return float(stdtr(worse_by.size - 1, t))


def labels_of(book: WorkStore, batch: Batch) -> dict[tuple[str, str], str]:
    """Label by (account, example) of an annotation, without adjudicators and skipped items."""
    examples = {i.id: i.example for i in book.items(batch.id)}
    labels: dict[tuple[str, str], str] = {}
    for verdict in book.verdicts(batch.id):
        if verdict.said.label and verdict.account not in batch.adjudicators:
            labels[verdict.account, examples[verdict.item]] = verdict.said.label
    return labels
