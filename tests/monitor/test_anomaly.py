from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from tunewell.errors import UserError
from tunewell.monitor.anomaly import (
    AnswerQueue,
    queue_answers,
    queue_finding,
    queue_result,
    sentence,
)
from tunewell.monitor.suspicion import Signals, suspicions
from tunewell.stats.missed import most_missed

APART = 1.812
"""Between good and bad answers for a judge whose AUC is .90."""


def _pool(seed: int, size: int = 1_000) -> tuple[list[Signals], np.ndarray]:
    rng = np.random.default_rng(seed)
    bad = rng.random(size) < 0.1
    doubt = expit(rng.normal(size=size) + APART * bad)
    signals = [
        Signals(interaction=str(i), doubt=float(doubt[i]), novelty=float(rng.random()))
        for i in range(size)
    ]
    return signals, bad


def _read(queue: AnswerQueue, bad: np.ndarray) -> dict[str, bool]:
    return {each.interaction: bool(bad[int(each.interaction)]) for each in queue.answers}


def test_half_of_the_bad_answers_are_caught_with_a_tenth_of_the_reading() -> None:
    caught = []
    for seed in range(40):
        signals, bad = _pool(seed)
        said = _read(queue_answers(signals, budget=100, seed=seed), bad)
        caught.append(sum(said.values()) / bad.sum())
    assert np.mean(caught) >= 0.5


def test_the_bound_on_what_is_missed_holds() -> None:
    for seed in range(40):
        signals, bad = _pool(seed)
        queue = queue_answers(signals, budget=100, audit=0.3, seed=seed)
        said = _read(queue, bad)
        result = queue_result(queue, said)
        assert result.missed is not None
        assert result.caught is not None
        missed = int(bad.sum()) - sum(said.values())
        assert missed <= result.missed.high
        assert result.caught.low <= sum(said.values()) / bad.sum()


def test_audited_answers_are_random_and_their_probability_is_known() -> None:
    signals, _ = _pool(1, size=200)
    drawn = np.zeros(200)
    for seed in range(400):
        queue = queue_answers(signals, budget=20, audit=0.5, seed=seed)
        for each in queue.answers:
            if each.audit:
                assert each.probability == pytest.approx(10 / 190)
                drawn[int(each.interaction)] += 1
    rest = drawn[drawn > 0]
    assert len(rest) == 190
    # 400 draws of 10 from 190: 21 each, with a standard deviation of 4.5.
    assert rest.min() > 5
    assert rest.max() < 42


def test_what_was_not_read_counts_against_the_bound() -> None:
    signals, bad = _pool(2)
    queue = queue_answers(signals, budget=100, audit=0.3)
    said = _read(queue, bad)
    some = dict(list(said.items())[:60])
    whole, part = queue_result(queue, said), queue_result(queue, some)
    assert whole.missed is not None
    assert part.missed is not None
    assert part.missed.high > whole.missed.high
    assert queue_finding(part).status == "unchecked"
    assert queue_finding(whole).status == "found"
    assert "at most" in sentence(whole)


def test_nothing_is_known_of_the_missed_before_an_audited_answer_is_read() -> None:
    signals, _ = _pool(3)
    result = queue_result(queue_answers(signals, budget=50), {})
    assert result.missed is None
    assert "not known" in sentence(result)


def test_complaints_come_first_and_answers_that_were_read_do_not_come_again() -> None:
    signals = [Signals(interaction=str(i), complaint=i == 7) for i in range(50)]
    queue = queue_answers(signals, budget=4, audit=0.5, said={"1": True})
    chosen = {each.interaction: each for each in queue.answers}
    assert "1" not in chosen
    assert chosen["7"].reasons == ("the user complained",)
    assert not chosen["7"].audit


def test_weights_are_learned_from_what_people_said() -> None:
    rng = np.random.default_rng(0)
    signals = []
    said = {}
    for i in range(600):
        bad = bool(rng.random() < 0.3)
        signals.append(
            Signals(
                interaction=str(i),
                doubt=float(rng.random()),
                unsupported=int(rng.poisson(3.0 if bad else 0.3)),
            )
        )
        if i < 300:
            said[str(i)] = bad
    before = suspicions(signals)
    after = suspicions(signals, said=said)

    def weight_of_doubt(scores: np.ndarray) -> float:
        doubt = np.array([each.doubt for each in signals], np.float64)
        return float(np.corrcoef(scores, doubt)[0, 1])

    assert weight_of_doubt(after) < 0.5 * weight_of_doubt(before)


def test_a_budget_without_room_for_an_audit_is_refused() -> None:
    with pytest.raises(UserError, match="a queue needs a budget of 2 or more"):
        queue_answers([Signals(interaction="1")], budget=1)


def test_the_limit_of_a_random_audit_is_exact() -> None:
    # With 48 bad among 1,000 a draw of 59 holds none with probability .0513, with 49 .0484.
    assert most_missed(0, 59, 1_000) == 48
    assert most_missed(0, 10, 10) == 0
    assert most_missed(1, 59, 1_000, unread=1) == most_missed(2, 60, 1_000)
    with pytest.raises(ValueError, match="must fit into 5"):
        most_missed(3, 2, 5)
