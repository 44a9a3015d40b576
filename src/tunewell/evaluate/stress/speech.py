"""Recogniser noise: what speech recognition and spoken language do to words.

Rates and confusions were learnt from 28 visits (33,829 words) of which aci_bench holds both a human
transcript and the recogniser's text: 4.5 % of the words were substituted, 3.8 % dropped, 1.4 %
added; people said a filler in 1.3 % of the words (bench/results/evaluation-recogniser.json).
"""

from __future__ import annotations

import random
from typing import Final

from tunewell.evaluate.stress.perturbations import perturbation, protected, question, with_input
from tunewell.types import Example

SUBSTITUTED: Final = 0.045
DROPPED: Final = 0.038
FILLERS: Final = 0.013
FALSE_STARTS: Final = 0.01

CONFUSED: Final[dict[str, tuple[str, ...]]] = {
    "all": ("alright",),
    "we'll": ("will",),
    "she's": ("is",),
    "we're": ("are", "were"),
    "you're": ("are", "your"),
    "you'll": ("will",),
    "there's": ("is", "theirs"),
    "it's": ("is", "its"),
    "he's": ("is", "has"),
    "i'd": ("would",),
    "to": ("na", "too", "two"),
    "i've": ("have", "i"),
    "a": ("the",),
    "the": ("a",),
    "every": ("everyday",),
    "in": ("and", "on"),
    "they're": ("are", "their"),
    "too": ("to",),
    "that's": ("is", "that"),
    "you": ("you're",),
    "going": ("gon",),
    "nope": ("no",),
    "on": ("in",),
    "had": ("have",),
    "its": ("it's",),
    "let's": ("lets",),
    "and": ("in", "an"),
    "i'll": ("will",),
    "cause": ("because",),
    "they'll": ("will",),
    "here's": ("is",),
    "yeah": ("yes",),
    "it": ("i",),
    "your": ("you're",),
    "their": ("there",),
    "there": ("their",),
    "for": ("four",),
    "by": ("buy",),
    "know": ("no",),
    "hear": ("here",),
    "here": ("hear",),
    "would": ("wood",),
    "meter": ("metre", "meet her"),
    "bill": ("build",),
    "pay": ("pain",),
    "which": ("witch",),
    "week": ("weak",),
    "whether": ("weather",),
}
"""Word to what the recogniser makes of it: the commonest of aci_bench, then common homophones."""
OFTEN_DROPPED: Final = frozenset(
    (
        "um uh right to and i a all it you the do yeah of are have okay so that my up me your in "
        "is well"
    ).split()
)
_SAID: Final = ("um", "uh", "you know", "like", "I mean", "er")


@perturbation(
    "As speech recognition writes it: homophones, dropped words, fillers, false starts, "
    "no punctuation."
)
def recogniser(example: Example, chance: random.Random) -> Example:
    """See `PERTURBATIONS`.

    Numbers, and names that the answer needs, stay: a lost number changes what is right.
    """
    said: list[str] = []
    for word in question(example).split():
        if protected(word, example):
            said.append(word.strip(",;:!?"))
        else:
            said += _heard(word.strip(".,;:!?\"'()").lower(), chance)
    return with_input(example, " ".join(said))


def _heard(word: str, chance: random.Random) -> list[str]:
    """What the recogniser writes for one word, with what people say before it."""
    heard: list[str] = []
    if chance.random() < FALSE_STARTS * 2 and len(word) > 3:
        heard.append(word[: len(word) // 2] + "-")
    if chance.random() < FILLERS * 2:
        heard.append(chance.choice(_SAID))

    # Only words that recognisers do drop or confuse are touched, so their own rate must be
    # higher than the overall.
    if word in OFTEN_DROPPED and chance.random() < DROPPED * 3:
        return heard
    if word in CONFUSED and chance.random() < SUBSTITUTED * 5:
        word = chance.choice(CONFUSED[word])
    return [*heard, word] if word else heard


@perturbation("With the fillers and restarts of spoken language.")
def fillers(example: Example, chance: random.Random) -> Example:
    """See `PERTURBATIONS`."""
    words = question(example).split()
    count = max(2, round(0.06 * len(words)))
    for _ in range(count):
        words.insert(chance.randrange(len(words) + 1), chance.choice(_SAID))
    return with_input(example, " ".join(words))
