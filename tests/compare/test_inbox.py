"""The human arm: asked once, in time or expired, its time recorded, a missing answer an outcome."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.compare.conftest import DESK, TUNED, Bench
from tunewell.compare import BlindComparison, analyse
from tunewell.errors import UserError

HOUR = 3600.0


def opened(bench: Bench, **more: object) -> BlindComparison:
    return bench.open(arms=[TUNED, DESK], due_hours=24, **more)


def test_a_question_is_asked_once_and_shown_when_both_answers_are_there(bench: Bench) -> None:
    comparison = opened(bench)
    requests = bench.inbox.open_for("gus")
    assert len(requests) == 4
    assert {pair.status for pair in bench.book.pairs(comparison)} == {"waiting"}
    bench.now += HOUR
    assert bench.inbox.answer(requests[0].id, "gus", "A person's answer.", key="a1")
    assert not bench.inbox.answer(requests[0].id, "gus", "A person's answer.", key="a1")
    states = Counter(pair.status for pair in bench.book.pairs(comparison))
    assert states == {"ready": 6, "waiting": 18}
    times = bench.inbox.times(comparison)
    assert (times.asked, times.answered, times.open) == (4, 1, 3)
    assert times.seconds == (HOUR,)


def test_an_answer_that_never_comes_is_an_outcome_of_its_arm(bench: Bench) -> None:
    comparison = opened(bench)
    requests = bench.inbox.open_for("gus")
    for request in requests[:-1]:
        bench.inbox.answer(request.id, "gus", f"Answer to {request.id}.", key=bench.key())
    bench.now += 25 * HOUR
    assert bench.inbox.open_for("gus") == []
    missing = [said for said in bench.book.rated(comparison) if said.how == "missing"]
    assert len(missing) == 6
    assert {said.value for said in missing} == {1.0}
    with pytest.raises(UserError, match="past its time"):
        bench.inbox.answer(requests[-1].id, "gus", "Too late.", key="late")
    result = analyse(bench.book, comparison)
    assert result.arms[1].missing == {"expired": 6}
    assert result.handling.expired == 1
    assert result.verdicts == 6


def test_nothing_in_a_request_tells_that_answers_are_compared(bench: Bench) -> None:
    opened(bench)
    told = bench.inbox.open_for("gus")[0].model_dump_json()
    for word in ("spring", "tuned", "arm", "compar", "good answer", "rater"):
        assert word not in told


def test_requests_are_their_own(bench: Bench) -> None:
    opened(bench)
    request = bench.inbox.open_for("gus")[0]
    with pytest.raises(UserError, match="not in your inbox"):
        bench.inbox.answer(request.id, "somebody", "Mine.", key="x")
    with pytest.raises(UserError, match="1 to"):
        bench.inbox.answer(request.id, "gus", "  \n ", key="y")
    assert bench.inbox.open_for("somebody") == []


def test_a_raters_own_question_goes_to_the_inbox(bench: Bench) -> None:
    comparison = opened(bench, questions="own", each=2)
    pair = bench.book.ask(comparison, "rater0", "What about me?")
    bench.inbox.send(comparison, [pair.question])
    bench.inbox.send(comparison, [pair.question])
    requests = bench.inbox.open_for("gus")
    assert [request.text for request in requests] == ["What about me?"]
    bench.book.ask(comparison, "rater0", "And then?")
    with pytest.raises(UserError, match="you have asked your 2 questions"):
        bench.book.ask(comparison, "rater0", "One more?")


def test_agents_answer_in_turn(bench: Bench) -> None:
    draft = bench.draft(arms=[TUNED, DESK], each=4)
    comparison = draft.model_copy(update={"agents": ("gus", "gil"), "status": "open"})
    questions = {pair.question.id: pair.question for pair in bench.book.pairs(draft)}
    bench.inbox.send(comparison, list(questions.values()))
    assert len(bench.inbox.open_for("gus")) == len(bench.inbox.open_for("gil")) == 2
