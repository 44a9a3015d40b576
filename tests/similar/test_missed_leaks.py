"""The bound on missed leaks holds over short rows, long frames, labels and numbers."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from tunewell.similar.conversations import Conversation
from tunewell.similar.leaks import find_leaks
from tunewell.similar.missed_leaks import missed_bound

PLANTED, TESTS, CLEAN = 15, 60, 60
FRAME = (
    "You read what tenants write to the front desk of their house and sort it by what they want, "
    "in a few plain words, without a greeting, without an answer and never by two things at once. "
)
WHO = "my aunt,the baker,our guest,the tailor,her son,the new nurse,an old friend,my boss".split(
    ","
)
DOES = "lost,found,broke,moved,sold,wants,repairs,paints,counts,borrows".split(",")
WHAT = "the cellar key,two chairs,a red lamp,the yard gate,some tiles,the lift card".split(",")
WHERE = "in the hall,by the river,on the roof,near the school,under the stairs,at noon".split(",")


def _asked(draw: random.Random) -> str:
    return " ".join(map(draw.choice, (WHO, DOES, WHAT, WHERE)))


def _sum(draw: random.Random) -> str:
    one, other = draw.randint(100, 999), draw.randint(10, 99)
    return f"{_asked(draw)} for {one} and pays {other} of it first, how much is left"


def _edited(text: str, draw: random.Random) -> str:
    """A greeting or a lost letter: another word would make another question of it."""
    if draw.random() < 0.5:
        return f"hello, {text} please"
    words = text.split()
    place = draw.choice([i for i, word in enumerate(words) if word.isalpha() and len(word) > 3])
    words[place] = words[place][:1] + words[place][2:]
    return " ".join(words)


def _rows(texts: Sequence[str], kind: str, name: str) -> list[Conversation]:
    found = []
    for i, text in enumerate(texts):
        asked = FRAME + text if kind == "long frames" else text
        said = "It is for the porter to see to." if kind == "long frames" else "porter"
        found.append(Conversation(f"{name}{i}", (("user", asked), ("assistant", said))))
    return found


@pytest.mark.parametrize("kind", ["short rows", "long frames", "numbers"])
def test_the_bound_is_at_least_what_was_planted(kind: str) -> None:
    draw = random.Random(3)
    make = _sum if kind == "numbers" else _asked
    texts = sorted({make(draw) for _ in range(3 * (TESTS + CLEAN))})
    chosen = draw.sample(texts, TESTS + CLEAN)
    tests = _rows(chosen[:TESTS], kind, "e")
    copies = [_edited(text, draw) for text in chosen[:PLANTED]]
    train = [*_rows(chosen[TESTS:], kind, "c"), *_rows(copies, kind, "t")]
    leaks = find_leaks(train, tests)
    innocent = sum(leak.train.id.startswith("c") for leak in leaks)
    bound = missed_bound(leaks, tests)
    assert bound.high is not None
    assert bound.high - innocent >= PLANTED
