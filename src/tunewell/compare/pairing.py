"""Who sees which pair and which answer first, and what becomes of pairs that nobody sees."""

from __future__ import annotations

import random
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from tunewell.compare.design import (
    AskedQuestion,
    BlindComparison,
    ComparedPair,
    GivenAnswer,
    PairState,
)

Both = tuple[GivenAnswer | None, GivenAnswer | None]
Place = Literal[0, 1]


def new_pairs(
    comparison: BlindComparison,
    questions: Sequence[AskedQuestion],
    answers: Mapping[str, Both],
) -> list[ComparedPair]:
    """The pairs of every rater: each question once, in an order of their own.

    Each arm stands first equally often in every two pairs of a rater, drawn by lot.
    """
    design = comparison.design
    found: list[ComparedPair] = []
    if not questions:
        return found
    for number, account in enumerate(comparison.raters):
        draw = random.Random(f"{comparison.salt}/{number}")
        own = draw.sample(list(questions), design.each)
        for position, question in enumerate(own):
            pair = ComparedPair(
                id=secrets.token_hex(16),
                comparison=comparison.id,
                account=account,
                position=position,
                question=question,
                first_is=_first(comparison, account, position),
                answers=answers.get(question.id, (None, None)),
            )
            found.append(settled(pair))
    return found


def own_pair(
    comparison: BlindComparison,
    account: str,
    position: int,
    question: AskedQuestion,
) -> ComparedPair:
    """The pair of a rater's own question; both arms are still to answer."""
    return ComparedPair(
        id=secrets.token_hex(16),
        comparison=comparison.id,
        account=account,
        position=position,
        question=question,
        first_is=_first(comparison, account, position),
    )


def _first(comparison: BlindComparison, account: str, position: int) -> Place:
    """Which arm stands first: one of each in every two pairs."""
    couple = random.Random(f"{comparison.salt}/{account}/{position // 2}")
    order = [0, 1]
    couple.shuffle(order)
    return cast(Place, order[position % 2])


def guessed_arms(comparison: BlindComparison, account: str, count: int) -> list[int]:
    """Whose answers a rater is asked to guess, as many of each arm as can be, in a drawn order."""
    draw = random.Random(f"{comparison.salt}/{account}/guesses")
    arms = [number % 2 for number in range(count)]
    if count % 2:
        arms[-1] = draw.randrange(2)
    draw.shuffle(arms)
    return arms


def completed(pair: ComparedPair, arm: int, answer: GivenAnswer) -> ComparedPair:
    """A pair with one more answer."""
    first, second = pair.answers
    answers: Both = (answer, second) if arm == 0 else (first, answer)
    return settled(pair.model_copy(update={"answers": answers}))


def settled(pair: ComparedPair) -> ComparedPair:
    """A pair with the state that its answers give it."""
    return pair.model_copy(update={"status": _state(pair.answers)})


def _state(answers: Both) -> PairState:
    first, second = answers
    if first is None or second is None:
        return "waiting"
    if first.missing or second.missing:
        return "missing"
    return "tied" if first.shown == second.shown else "ready"


def outcome_of(pair: ComparedPair) -> dict[str, Any] | None:
    """What counts for a pair that nobody is shown; None where a rater decides.

    An arm that gave no answer loses: whoever asked got none.
    """
    if pair.status == "tied":
        return {"how": "tied", "value": 0.5}
    if pair.status != "missing":
        return None
    first, second = pair.answers
    assert first is not None
    assert second is not None
    if first.missing and second.missing:
        value = 0.5
    else:
        value = 0.0 if first.missing else 1.0
    return {"how": "missing", "value": value, "why": [first.missing, second.missing]}
