"""How many leaks may have gone unseen: edited copies of test rows are planted and looked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunewell.similar.conversations import ComparedRow, Conversation
from tunewell.similar.frames import frames
from tunewell.similar.leaks import (
    Leak,
    RowT,
    find_leaks,
)
from tunewell.stats.missed import most_present
from tunewell.types import Estimate

PROBES = 200
"""Edited copies of test rows that are planted."""

_SHARES = (0.05, 0.25)
"""Share of its words that is edited in each copy, drawn between these."""

_LABEL_WORDS = 3
_TRIES = 5
_POLITE = (
    ("Hello, could you tell me:", "Thank you."),
    ("Please,", "thanks a lot in advance"),
    ("Good morning, I would like to know,", ""),
)

_REPLACED, _DELETED, _INSERTED = 0.6, 0.8, 1.0
"""Of the edits, six in ten replace a word, two delete one, two put one in."""


def missed_bound(leaks: Sequence[Leak[RowT]], tests: Sequence[RowT]) -> Estimate:
    """Leaks found, with an upper bound (95 %) on how many there are.

    Of N leaks as hard as the planted copies, the number found is binomial with the recall of the
    copies (see `tunewell.stats.missed`).
    """
    random = np.random.default_rng(20261122)
    rows = [_conversation(test) for test in tests]
    places = random.permutation(len(rows))[:PROBES].tolist()
    chosen = [rows[i] for i in places]
    shared = _frames_asked(rows)
    known = _words_of(chosen)
    probes = [_probe(rows[i], known, random, shared[i]) for i in places]

    found = find_leaks(probes, rows, children=False)
    right = sum(leak.test.id == leak.train.parent for leak in found)
    edited = sum(leak.edited for leak in leaks)
    most = most_present(
        edited,
        planted=len(probes),
        planted_found=right,
        limit=len(tests),
    )
    return Estimate(
        value=float(len(leaks)),
        low=float(len(leaks)),
        high=float(len(leaks) + max(0, most - edited)),
        n=len(probes),
        method="count, planted probes",
        unit="rows",
    )


def _conversation(row: ComparedRow) -> Conversation:
    return Conversation(
        id=row.id,
        turns=tuple(row.turns),
        group=row.group,
        parent=row.parent,
    )


def _words_of(rows: Sequence[Conversation]) -> list[str]:
    known: set[str] = set()
    for row in rows:
        known.update(row.input.split())
        known.update(row.target.split())
    return sorted(word for word in known if not _has_digit(word)) or ["word"]


def _has_digit(word: str) -> bool:
    return any(map(str.isdigit, word))


def _probe(
    test: Conversation,
    known: Sequence[str],
    random: np.random.Generator,
    frame: tuple[int, int],
) -> Conversation:
    """An edited copy of a test row: of what it asks, and of an answer that is no label.

    What is the same for every row (system turns, the frame of the question) stays.

    Args:
        test: The row.
        known: Words to draw from.
        random: Where chance comes from.
        frame: Words of the question's frame, at its beginning and at its end.
    """
    turns = list(test.turns)
    asked = _place_asked(test)
    for place, (role, text) in enumerate(turns):
        if role == "system":
            continue
        words = text.split()
        begin, end = frame if place == asked else (0, 0)
        is_label = place == len(turns) - 1 != asked and len(words) <= _LABEL_WORDS
        if is_label:
            continue
        inner = words[begin : len(words) - end]
        edited = _edit(inner, known, random)
        turns[place] = (role, " ".join([*words[:begin], *edited, *words[len(words) - end :]]))
    return Conversation(f"probe {test.id}", tuple(turns), parent=test.id)


def _place_asked(row: Conversation) -> int:
    """Place of the turn that asks for the target."""
    return max(0, len(row.turns) - 2) if row.target else len(row.turns) - 1


def _frames_asked(rows: Sequence[Conversation]) -> list[tuple[int, int]]:
    """Words at the beginning and the end of each question that many questions share."""
    characters: dict[str, str] = {}
    texts = []
    for row in rows:
        words = row.turns[_place_asked(row)][1].split() if row.turns else []
        texts.append(
            "".join(characters.setdefault(w, chr(_FIRST + len(characters))) for w in words)
        )
    return frames(texts)


_FIRST = 0x10000
"""Characters from here on stand for words."""


def _edit(
    words: Sequence[str],
    known: Sequence[str],
    random: np.random.Generator,
) -> list[str]:
    """The words after one way to edit them, drawn at random: never the same words."""
    kind = int(random.integers(_KINDS))
    for _ in range(_TRIES):
        edited = _EDITS[kind](words, known, random)
        if edited != list(words):
            return edited
    return [*words, known[int(random.integers(len(known)))]]


def _replaced(
    words: Sequence[str],
    known: Sequence[str],
    random: np.random.Generator,
) -> list[str]:
    """Words replaced, left out and put in, scattered; with another number it is no copy."""
    share = random.uniform(*_SHARES)
    out: list[str] = []
    for word in words:
        is_edited = random.random() < share and not _has_digit(word)
        kind = random.random() if is_edited else _INSERTED
        other = known[int(random.integers(len(known)))]
        if kind < _REPLACED:
            out.append(other)
        elif kind >= _INSERTED:
            out.append(word)
        elif kind >= _DELETED:
            out += [word, other]
    return out


def _mistyped(
    words: Sequence[str],
    _: Sequence[str],
    random: np.random.Generator,
) -> list[str]:
    """Two letters of a word swapped, in one word of ten."""
    out = list(words)
    for place in _some(len(out), random):
        word = out[place]
        at = int(random.integers(max(1, len(word) - 1)))
        out[place] = word[:at] + word[at : at + 2][::-1] + word[at + 2 :]
    return out


def _split(
    words: Sequence[str],
    _: Sequence[str],
    random: np.random.Generator,
) -> list[str]:
    """A word heard as two, in one word of ten."""
    out = list(words)
    for place in sorted(_some(len(out), random), reverse=True):
        middle = len(out[place]) // 2
        out[place : place + 1] = filter(None, (out[place][:middle], out[place][middle:]))
    return out


def _framed(
    words: Sequence[str],
    _: Sequence[str],
    random: np.random.Generator,
) -> list[str]:
    """A polite frame around the words."""
    before, after = _POLITE[int(random.integers(len(_POLITE)))]
    return [*before.split(), *words, *after.split()]


def _moved(
    words: Sequence[str],
    _: Sequence[str],
    random: np.random.Generator,
) -> list[str]:
    """The second part first."""
    at = int(random.integers(1, max(2, len(words))))
    return [*words[at:], *words[:at]]


def _some(count: int, random: np.random.Generator) -> list[int]:
    chosen = random.permutation(count)[: max(1, count // 10)]
    return [int(place) for place in chosen]


_EDITS = (_replaced, _replaced, _mistyped, _split, _framed, _moved)
_KINDS = len(_EDITS)
