"""Perturbations of writing: typos, keyboard slips, case, punctuation, layout, format of the prompt."""

from __future__ import annotations

import random
import re

from tunewell.evaluate.stress.kinds import perturbation, protected, question, with_input
from tunewell.types import Example

TYPO_RATE = 0.08
"""Share of words with a slip; people who type fast leave about this many uncorrected on a telephone."""
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEAR = {
    c: "".join(
        row[max(0, i - 1) : i] + row[i + 1 : i + 2] + (_KEYS[r + 1][i - 1 : i + 1] if r < 2 else "")
    )
    for r, row in enumerate(_KEYS)
    for i, c in enumerate(row)
}


def _each_word(example: Example, rate: float, chance: random.Random, change: object) -> Example:
    assert callable(change)
    parts = re.split(r"(\s+)", question(example))
    hit = [
        i for i, w in enumerate(parts) if len(w) > 3 and w.isascii() and not protected(w, example)
    ]
    chosen = [i for i in hit if chance.random() < rate] or ([chance.choice(hit)] if hit else [])
    for i in chosen:
        parts[i] = change(parts[i], chance)
    return with_input(example, "".join(parts))


@perturbation("Letters swapped, doubled or left out in some words; numbers and names stay.")
def typos(example: Example, chance: random.Random) -> Example:
    """See `PERTURBATIONS`."""

    def slip(word: str, chance: random.Random) -> str:
        i = chance.randrange(1, len(word) - 1)
        kind = chance.randrange(3)
        if kind == 0:
            return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
        return word[:i] + word[i + 1 :] if kind == 1 else word[:i] + word[i] + word[i:]

    return _each_word(example, TYPO_RATE, chance, slip)


@perturbation("A neighbouring key is struck in some words; numbers and names stay.")
def keyboard(example: Example, chance: random.Random) -> Example:
    """See `PERTURBATIONS`."""

    def slip(word: str, chance: random.Random) -> str:
        places = [i for i, c in enumerate(word) if c in _NEAR]
        if not places:
            return word
        i = chance.choice(places)
        return word[:i] + chance.choice(_NEAR[word[i]]) + word[i + 1 :]

    return _each_word(example, TYPO_RATE, chance, slip)


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
    return with_input(
        example, re.sub(r"(?<!\w)[^\w\s€$£%#/]|[.,;:!?](?!\w)", "", question(example))
    )


@perturbation("Line breaks and spaces in odd places.")
def layout(example: Example, chance: random.Random) -> Example:
    """See `PERTURBATIONS`."""
    words = question(example).split()
    return with_input(
        example,
        "".join(w + chance.choice([" ", " ", " ", "  ", "\n", "\n\n"]) for w in words).strip(),
    )


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
