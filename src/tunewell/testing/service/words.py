"""Words of the made-up service: what people ask about, and with which words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

SYLLABLES: Final = (
    "ba be bi bo bu da de di do du fa fe fi fo ga ge gi go ka ke ki ko la le li lo lu ma me mi mo "
    "mu na ne ni no pa pe pi po ra re ri ro sa se si so su ta te ti to tu va ve vi vo za ze zo"
).split()

COMMON: Final = (
    "how do i can you please the my a to is not when why after before what does this that it "
    "with for on in have need want help change find use open close"
).split()

TOPIC_WORDS: Final = 60
QUESTION_WORDS: Final = 11
SHARE_COMMON: Final = 0.45

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class ServiceWords:
    """Words by topic.

    Attributes:
        topics: Names of the topics.
        regions: Names of the regions.
        words: All words: the common ones, then those of each topic.
        answers: A long run of words that answers are cut from.
    """

    topics: tuple[str, ...]
    regions: tuple[str, ...]
    words: NDArray[np.str_]
    answers: tuple[str, ...]

    def questions(
        self,
        topics: Ints,
        rng: np.random.Generator,
    ) -> list[str]:
        """A question for each topic, as text."""
        shape = (len(topics), QUESTION_WORDS)
        # The tenth word of a topic is used half as often as the first.
        rank = np.minimum(rng.geometric(0.06, size=shape) - 1, TOPIC_WORDS - 1)
        own = len(COMMON) + topics[:, None] * TOPIC_WORDS + rank
        common = rng.integers(len(COMMON), size=shape)
        chosen = np.where(rng.random(shape) < SHARE_COMMON, common, own)
        return [" ".join(row) for row in self.words[chosen].tolist()]

    def answer(
        self,
        start: int,
        length: int,
    ) -> str:
        """An answer of so many words."""
        begin = start % (len(self.answers) - 400)
        return " ".join(self.answers[begin : begin + max(length, 1)])


def vocabulary(
    topics: int,
    regions: int,
    rng: np.random.Generator,
) -> ServiceWords:
    """Made-up words for a service, no word in two topics."""
    wanted = topics * (TOPIC_WORDS + 1) + regions
    made: dict[str, None] = {}
    while len(made) < wanted:
        count = int(rng.integers(2, 5))
        made["".join(rng.choice(SYLLABLES, size=count))] = None
    names = list(made)
    own = names[topics + regions :]
    every = np.array([*COMMON, *own])
    return ServiceWords(
        topics=tuple(names[:topics]),
        regions=tuple(names[topics : topics + regions]),
        words=every,
        answers=tuple(rng.choice(every, size=6_000).tolist()),
    )


def new_word(rng: np.random.Generator) -> str:
    """A word that nobody has used before."""
    return "x" + "".join(rng.choice(SYLLABLES, size=4))
