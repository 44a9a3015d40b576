"""Made-up text: words with the long tail of real language, by seed."""

from __future__ import annotations

import random

_SYLLABLES = (
    "ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo zu bra cle dri flo gru".split()
)


def vocabulary(size: int) -> list[str]:
    draw = random.Random(99)
    return [
        "".join(draw.choice(_SYLLABLES) for _ in range(draw.randint(1, 4))) + str_tail(i)
        for i in range(size)
    ]


def str_tail(i: int) -> str:
    return "" if i < 40 else _SYLLABLES[i % 25]


_VOCABULARY = vocabulary(20_000)
_LIMIT = len(_VOCABULARY)


def sentence(seed: int, n: int) -> str:
    """Zipf's law: the word of rank r has a frequency of about 1 / r, as in real language."""
    draw = random.Random(seed)
    return " ".join(_VOCABULARY[int(_LIMIT ** draw.random()) - 1] for _ in range(n))


def edited(text: str, share: float, seed: int) -> str:
    """Replace (60 %), delete (20 %) or insert (20 %) at a share of the words."""
    draw = random.Random(seed)
    words: list[str] = []
    chosen = set(draw.sample(range(len(text.split())), round(share * len(text.split()))))
    for i, word in enumerate(text.split()):
        kind = draw.random() if i in chosen else 2.0
        other = _VOCABULARY[draw.randrange(_LIMIT)]
        if kind < 0.6:
            words.append(other)
        elif kind < 0.8:
            continue
        elif kind < 1.0:
            words += [word, other]
        else:
            words.append(word)
    return " ".join(words)
