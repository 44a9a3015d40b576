"""Perturbations of writing: typos, keyboard slips, case, punctuation, layout, prompt format."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from tunewell.evaluate.stress.perturbations import perturbation, protected, question, with_input
from tunewell.types import Example

TYPO_RATE = 0.08
"""Share of words with a slip.

People who type fast leave about this many uncorrected on a telephone.
"""
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SHORTEST = 4
"""Shorter words are left alone."""
_PUNCTUATION = re.compile(r"(?<!\w)[^\w\s€$£%#/]|[.,;:!?](?!\w)")
_SPACES = (" ", " ", " ", "  ", "\n", "\n\n")
Slip = Callable[[str, random.Random], str]
"""From a word and a source of chance to the word with a slip."""


def _neighbours(row: int, place: int) -> str:
    """The keys beside a key, and those below it."""
    keys = _KEYS[row]
    beside = keys[max(0, place - 1) : place] + keys[place + 1 : place + 2]
    if row + 1 == len(_KEYS):
        return beside
    return beside + _KEYS[row + 1][place - 1 : place + 1]


_NEAR = {
    key: _neighbours(row, place) for row, keys in enumerate(_KEYS) for place, key in enumerate(keys)
}


def _each_word(
    example: Example,
    rate: float,
    chance: random.Random,
    slip: Slip,
) -> Example:
    """The row with a slip in some of its longer words, at least in one."""
    parts = re.split(r"(\s+)", question(example))
    usable = [i for i, word in enumerate(parts) if _may_slip(word, example)]
    chosen = [i for i in usable if chance.random() < rate]
    if usable and not chosen:
        chosen = [chance.choice(usable)]
    for i in chosen:
        parts[i] = slip(parts[i], chance)
    return with_input(example, "".join(parts))


def _may_slip(word: str, example: Example) -> bool:
    if len(word) < _SHORTEST or not word.isascii():
        return False
    return not protected(word, example)


@perturbation("Letters swapped, doubled or left out in some words; numbers and names stay.")
def typos(example: Example, chance: random.Random) -> Example:
    """See `PERTURBATIONS`."""
    return _each_word(example, TYPO_RATE, chance, _mistyped)


def _mistyped(word: str, chance: random.Random) -> str:
    i = chance.randrange(1, len(word) - 1)
    kind = chance.randrange(3)
    if kind == 0:
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    if kind == 1:
        return word[:i] + word[i + 1 :]
    return word[:i] + word[i] + word[i:]


@perturbation("A neighbouring key is struck in some words; numbers and names stay.")
def keyboard(example: Example, chance: random.Random) -> Example:
    """See `PERTURBATIONS`."""
    return _each_word(example, TYPO_RATE, chance, _mishit)


def _mishit(word: str, chance: random.Random) -> str:
    places = [i for i, letter in enumerate(word) if letter in _NEAR]
    if not places:
        return word
    i = chance.choice(places)
    return word[:i] + chance.choice(_NEAR[word[i]]) + word[i + 1 :]


@perturbation("Everything in small letters.")
def lower_case(example: Example, chance: random.Random) -> Example:
    """See `PERTURBATIONS`."""
    return with_input(example, question(example).lower())


@perturbation("Everything in capitals.")
def upper_case(example: Example, chance: random.Random) -> Example:
    """See `PERTURBATIONS`."""
    return with_input(example, question(example).upper())


@perturbation("No punctuation, except inside numbers, dates and addresses.")
def no_punctuation(example: Example, chance: random.Random) -> Example:
    """See `PERTURBATIONS`."""
    return with_input(example, _PUNCTUATION.sub("", question(example)))


@perturbation("Line breaks and spaces in odd places.")
def layout(example: Example, chance: random.Random) -> Example:
    """See `PERTURBATIONS`."""
    spaced = [word + chance.choice(_SPACES) for word in question(example).split()]
    return with_input(example, "".join(spaced).strip())


@perturbation("The prompt in another format: a heading, quotes, a courtesy.")
def prompt_format(example: Example, chance: random.Random) -> Example:
    """See `PERTURBATIONS`."""
    text = question(example)
    ways = (
        f"Question: {text}",
        f'"""\n{text}\n"""',
        f"{text}\n\nThank you!",
        f"Hello,\n\n{text}",
        f"### Input\n{text}\n\n### Output",
    )
    return with_input(example, chance.choice(ways))
