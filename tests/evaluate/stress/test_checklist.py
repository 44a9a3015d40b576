from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tunewell.evaluate.stress.checklist import (
    Behaviour,
    BehaviourTest,
    Predict,
    not_less,
    not_less_sure,
    not_surer,
    run_behaviour,
)

DATA = (
    Path(os.environ.get("TUNEWELL_DATA", str(Path(__file__).parents[4] / "shared" / "data")))
    / "checklist"
)
GOOD = set(
    (
        "good great excellent amazing fantastic nice happy love like enjoy exceptional awesome "
        "perfect fun"
    ).split()
)
BAD = set(
    (
        "bad awful poor terrible horrible hate dislike rough ugly boring frustrating sad worst "
        "annoying"
    ).split()
)
EXPECT = {
    "intensifiers": not_less_sure(),
    "reducers": not_surer(),
    "add positive phrases": not_less(2),
    "add negative phrases": not_less(0),
    '"used to" should reduce': not_surer(),
}


def lexicon(texts: Sequence[str]) -> NDArray[np.float64]:
    """A bag of words: probabilities of negative, neutral, positive. It cannot see negation."""
    out = []
    for text in texts:
        words = re.findall(r"[a-z]+", text.lower())
        score = sum(w in GOOD for w in words) - sum(w in BAD for w in words)
        logits = np.array([-2.0 * score, 0.5, 2.0 * score])
        e = np.exp(logits - logits.max())
        out.append(e / e.sum())
    return np.array(out)


def read(item: dict[str, Any]) -> BehaviourTest:
    cases = tuple(tuple(c) if isinstance(c, list) else (str(c),) for c in item["data"])
    labels = item["labels"]
    if item["type"] != "MFT":
        allowed: tuple[tuple[int, ...], ...] = ()
    elif labels is None:  # "not negative": neutral or positive
        allowed = tuple((1, 2) for _ in cases)
    else:
        allowed = tuple(
            (int(x),) for x in (labels if isinstance(labels, list) else [labels] * len(cases))
        )
    return BehaviourTest(
        name=item["name"],
        kind=item["type"],
        capability=item["capability"],
        cases=cases,
        labels=allowed,
    )


@pytest.fixture(scope="module")
def tests() -> list[BehaviourTest]:
    if not DATA.is_dir():
        pytest.skip(f"no CheckList data in {DATA}: set TUNEWELL_DATA")
    items = json.loads((DATA / "sentiment_sample.json").read_text(encoding="utf-8"))
    return [read(i) for i in items if i["data"] and i["data"][0] != "<"]


@pytest.fixture(scope="module")
def found(tests: list[BehaviourTest]) -> dict[str, Behaviour]:
    return {t.name: run_behaviour(t, lexicon, expect=EXPECT.get(t.name)) for t in tests}


def test_all_three_kinds_run_over_the_published_tests(found: dict[str, Behaviour]) -> None:
    assert {b.kind for b in found.values()} == {"MFT", "INV", "DIR"}
    assert len(found) == 35
    for b in found.values():
        assert 0 <= b.failure_rate.low <= b.failure_rate.value <= b.failure_rate.high <= 1


def test_they_say_what_a_bag_of_words_can_and_cannot(found: dict[str, Behaviour]) -> None:
    assert found["change names"].failure_rate.value == 0
    assert found["change numbers"].failure_rate.value == 0
    assert found["protected: race"].failure_rate.value == 0
    assert found["punctuation"].failure_rate.value == 0
    blind = found["simple negations: negative"]
    assert blind.failure_rate.low > 0.8
    assert blind.failed
    assert (
        found["add negative phrases"].failure_rate.value
        < found["simple negations: negative"].failure_rate.value
    )


def contrary(texts: Sequence[str]) -> NDArray[np.float64]:
    """Good is bad to it, so what is added moves its probabilities the wrong way."""
    return lexicon(texts)[:, ::-1]


def moody(texts: Sequence[str]) -> NDArray[np.float64]:
    """Decides by the length of the text, which hardly any variant keeps."""
    return np.eye(3)[[len(t) % 3 for t in texts]]


def by_hand(test: BehaviourTest, predict: Predict) -> float:
    """The failure rate, counted one text at a time."""
    failed = 0
    for n, case in enumerate(test.cases):
        first, *rest = (predict([text])[0] for text in case)
        if test.kind == "MFT":
            good = all(int(p.argmax()) in test.labels[n] for p in (first, *rest))
        elif test.kind == "INV":
            good = all(p.argmax() == first.argmax() for p in rest)
        else:
            good = all(EXPECT[test.name](first, p) for p in rest)
        failed += not good
    return failed / len(test.cases)


@pytest.mark.parametrize("predict", [lexicon, contrary, moody])
def test_rates_are_those_counted_one_text_at_a_time(
    tests: list[BehaviourTest], predict: Predict
) -> None:
    for t in tests:
        rate = run_behaviour(t, predict, expect=EXPECT.get(t.name)).failure_rate
        assert rate.value == pytest.approx(by_hand(t, predict)), t.name
        assert rate.n == len(t.cases)


def test_planted_faults_fail_the_tests_of_their_kind(tests: list[BehaviourTest]) -> None:
    named = {t.name: t for t in tests}

    def rate(name: str, predict: Predict) -> float:
        return run_behaviour(named[name], predict, expect=EXPECT.get(name)).failure_rate.low

    assert rate("add positive phrases", contrary) > 0.5
    assert rate("add negative phrases", contrary) > 0.5
    assert all(
        rate(name, moody) > 0.5
        for name in ("change names", "change locations", "add random urls and handles")
    )


def test_a_test_that_cannot_be_run_says_why() -> None:
    with pytest.raises(ValueError, match="needs an expectation"):
        run_behaviour(BehaviourTest(name="x", kind="DIR", cases=(("a", "b"),)), lexicon)
    with pytest.raises(ValueError, match="allowed labels"):
        run_behaviour(BehaviourTest(name="x", kind="MFT", cases=(("a",),)), lexicon)
    with pytest.raises(ValueError, match="must give shape"):
        run_behaviour(
            BehaviourTest(name="x", kind="INV", cases=(("a", "b"),)), lambda texts: np.zeros(2)
        )


def test_expectations() -> None:
    before, after = np.array([0.2, 0.3, 0.5]), np.array([0.5, 0.3, 0.2])
    assert not not_less(2)(before, after)
    assert not_less(0)(before, after)
    assert not_surer()(before, after)
    assert not not_less_sure()(before, after)
