"""The throttle: three quarters at the first refusal of a burst, one more after 25 answers."""

from __future__ import annotations

import threading
from contextlib import ExitStack

from tunewell.model.throttle import ANSWERS_FOR_ONE_MORE, Throttle


def answers(throttle: Throttle, count: int) -> None:
    for _ in range(count):
        with throttle.turn() as turn:
            turn.answered()


def test_a_burst_of_refusals_cuts_once() -> None:
    throttle = Throttle(16)
    with ExitStack() as open_:
        turns = [open_.enter_context(throttle.turn()) for _ in range(10)]
        for turn in turns:
            turn.refused()
    assert (throttle.limit, throttle.cuts) == (12, 1)
    with throttle.turn() as turn:
        turn.refused()
    assert (throttle.limit, throttle.cuts) == (9, 2)


def test_one_more_after_25_answers_in_a_row_and_never_above_the_most() -> None:
    throttle = Throttle(4)
    with throttle.turn() as turn:
        turn.refused()
    assert throttle.limit == 3
    answers(throttle, ANSWERS_FOR_ONE_MORE - 1)
    assert throttle.limit == 3
    answers(throttle, 1)
    assert throttle.limit == 4
    answers(throttle, 2 * ANSWERS_FOR_ONE_MORE)
    assert throttle.limit == 4


def test_it_never_falls_below_one() -> None:
    throttle = Throttle(3)
    for _ in range(9):
        with throttle.turn() as turn:
            turn.refused()
    assert throttle.limit == 1


def test_no_more_go_at_once_than_the_limit() -> None:
    throttle = Throttle(3)
    most = 0
    inside = 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal most, inside
        for _ in range(30):
            with throttle.turn() as turn:
                with lock:
                    inside += 1
                    most = max(most, inside)
                turn.answered()
                with lock:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most <= 3
