"""Behavioural tests of a classifier as in CheckList: minimum function, invariance, direction.

Source: Ribeiro et al. 2020, Beyond Accuracy: Behavioral Testing of NLP models with CheckList (ACL).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tunewell.stats import mean
from tunewell.types import Estimate, Value

Kind = Literal["MFT", "INV", "DIR"]
Floats = NDArray[np.float64]
Predict = Callable[[Sequence[str]], Floats]
"""Texts to class probabilities, shape (texts, classes)."""
Expectation = Callable[[Floats, Floats], bool]
"""Whether the probabilities of a changed text are as expected, given those of the first."""
_SHOWN = 10


class BehaviourTest(Value):
    """One test: cases of one text (MFT) or of a text and its variants (INV, DIR).

    Attributes:
        name: In words.
        kind: ``MFT``: the label is right; ``INV``: variants keep the first text's label; ``DIR``:
            variants move the probabilities as expected.
        capability: Vocabulary, negation, robustness …
        cases: Texts of each case; the first is the original.
        labels: For MFT: allowed labels of each case.
    """

    name: str
    kind: Kind
    capability: str = ""
    cases: tuple[tuple[str, ...], ...]
    labels: tuple[tuple[int, ...], ...] = ()


class Behaviour(Value):
    """What came of a test.

    Attributes:
        name: Of the test.
        kind: Of the test.
        capability: Of the test.
        failure_rate: Share of cases of which any text fails.
        failed: Up to ten of the failing texts, with the first of their case.
    """

    name: str
    kind: Kind
    capability: str
    failure_rate: Estimate
    failed: tuple[tuple[str, str], ...] = ()


def run_behaviour(
    test: BehaviourTest,
    predict: Predict,
    *,
    expect: Expectation | None = None,
    level: float = 0.95,
) -> Behaviour:
    """Run a test: one call of ``predict`` with every text of every case.

    Args:
        test: What to run.
        predict: The classifier.
        expect: For DIR.
        level: Of the interval.

    Raises:
        ValueError: A DIR test without an expectation, or an MFT without labels.

    Example:
        >>> shy = lambda texts: np.array([[0.4, 0.6] if "good" in t else [0.6, 0.4] for t in texts])
        >>> cases = (("so good", "SO GOOD"), ("so bad", "SO BAD"))
        >>> test = BehaviourTest(name="shouting", kind="INV", cases=cases)
        >>> run_behaviour(test, shy).failure_rate.value
        0.5
    """
    if test.kind == "DIR" and expect is None:
        raise ValueError(f"{test.name}: a DIR test needs an expectation")
    if test.kind == "MFT" and len(test.labels) != len(test.cases):
        raise ValueError(f"{test.name}: an MFT needs the allowed labels of each case")

    probabilities = _asked(test, predict)
    failures: list[float] = []
    shown: list[tuple[str, str]] = []
    start = 0
    for number, case in enumerate(test.cases):
        of_case = probabilities[start : start + len(case)]
        start += len(case)
        failed = _failed(test, number, of_case, expect)
        failures.append(float(bool(failed)))
        if failed:
            shown.append((case[0], case[failed[0]]))
    return Behaviour(
        name=test.name,
        kind=test.kind,
        capability=test.capability,
        failure_rate=mean(
            failures,
            low=0,
            high=1,
            level=level,
        ),
        failed=tuple(shown[:_SHOWN]),
    )


def _asked(test: BehaviourTest, predict: Predict) -> Floats:
    """The probabilities of every text of every case, shape (texts, classes)."""
    texts = [text for case in test.cases for text in case]
    found = np.asarray(predict(texts), np.float64)
    if found.ndim != 2 or len(found) != len(texts):
        raise ValueError(
            f"'predict' must give shape ({len(texts)}, classes). Got {found.shape} instead."
        )
    return found


def _failed(
    test: BehaviourTest,
    case: int,
    probabilities: Floats,
    expect: Expectation | None,
) -> list[int]:
    """Places of the texts of a case that fail."""
    named = probabilities.argmax(axis=1)
    if test.kind == "MFT":
        return np.flatnonzero(~np.isin(named, test.labels[case])).tolist()
    if test.kind == "INV":
        return np.flatnonzero(named != named[0]).tolist()
    assert expect is not None
    first, *rest = probabilities
    return [i for i, changed in enumerate(rest, 1) if not expect(first, changed)]


def not_less(label: int, *, tolerance: float = 0.1) -> Expectation:
    """The probability of a label must not fall by more than ``tolerance``."""
    return lambda before, after: bool(after[label] >= before[label] - tolerance)


def not_surer(*, tolerance: float = 0.1) -> Expectation:
    """The probability of the first text's label must not rise by more than ``tolerance``."""
    return lambda before, after: bool(after[before.argmax()] <= before.max() + tolerance)


def not_less_sure(*, tolerance: float = 0.1) -> Expectation:
    """The probability of the first text's label must not fall by more than ``tolerance``."""
    return lambda before, after: bool(after[before.argmax()] >= before.max() - tolerance)
