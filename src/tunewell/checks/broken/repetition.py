"""Degenerate targets: the same words over and over, as a model says that is caught in a loop.

Tables, lists, matrices, songs and series are regular, not degenerate: their parts differ, stand in
lines, or were asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tunewell.checks.verbatim import is_structured

_WORD = re.compile(r"\w+")
_ASKED = re.compile(
    r"repeat|\btimes\b|song|sing\b|chant|lyric|refrain|chorus|mantra|poem|verse|rhyme|pattern|"
    r"sequence|wiederhol|\bmal\b|\blied\b|reim|gedicht|chanson|poème|répét|canci|poema|repet|canta|песн|повтор|歌|詩|重复|重複",
    re.IGNORECASE,
)
_CHARACTER_LOOP = re.compile(r"(\S.{1,39}?|[^\W\d_]|[!?.,])\1{9,}", re.DOTALL)
_MOST_WORDS = 4_000
_LONGEST_UNIT = 60
_FEWEST_WORDS = 12
_DIGITS_SHARE = 0.3
"""From this share of numbers among the words, a text is a series or a matrix."""

_COVERED = 0.6
"""Share of the text that a loop fills."""

_TIMES = 6
_TIMES_IN_LINES = 12
_TIMES_OF_SHORT_UNITS = 15
"""Repeats that make a loop: more of them where a unit has one or two words (``la la la``)."""

_LEAST_TIMES = 4
_TIMES_AT_THE_END = 8
_WORDS_AT_THE_END = 3
_END_CHARACTERS = 4_000
_TAG = re.compile(r"<[^<>]*>")
_UNSPACED_CHARACTERS = 60


@dataclass(frozen=True)
class _Loop:
    """A run of equal units of words.

    Attributes:
        unit: The words that are repeated.
        times: How often.
        covered: Share of the text's words.
    """

    unit: tuple[str, ...]
    times: int
    covered: float


def repetition(target: str, asked: str) -> tuple[str, bool]:
    """What is repeated, and whether it is certainly a loop; an empty text if nothing is.

    Example:
        >>> repetition("call the desk now " * 9, "When?")
        ('call the desk now, 9 times at the end', True)
        >>> repetition("7 x 1 = 7. 7 x 2 = 14. 7 x 3 = 21. 7 x 4 = 28.", "Table of seven")
        ('', False)
    """
    ending = _loop_at_the_end(target, asked)
    if ending:
        return ending, True
    text = target[: 8 * _MOST_WORDS]
    words = _WORD.findall(text.lower())[:_MOST_WORDS]
    looks_varied = 2 * len(set(words)) > len(words)
    if len(words) < _FEWEST_WORDS:
        return _of_characters(text, asked)
    if looks_varied or _is_regular(text, words, asked):
        return "", False

    loop = _longest(words)
    if loop is None or loop.covered < _COVERED:
        return "", False
    needed = _TIMES
    if len(loop.unit) <= 2:
        needed = _TIMES_OF_SHORT_UNITS
    elif text.strip().count("\n") >= loop.times - 1:
        needed = _TIMES_IN_LINES
    said = " ".join(loop.unit)[:80]
    return f"{said}, {loop.times} times", loop.times >= needed


def _loop_at_the_end(target: str, asked: str) -> str:
    """What the last line says again and again until it ends, whatever stands before; else empty.

    Markup is left out of account: an answer in HTML may end in a loop like any other.
    """
    last_line = target.rstrip().rpartition("\n")[2][-_END_CHARACTERS:]
    words = _WORD.findall(_TAG.sub(" ", last_line).lower())
    if len(words) < _TIMES_AT_THE_END * _WORDS_AT_THE_END or _ASKED.search(asked):
        return ""
    backwards = words[::-1]
    for size in range(_WORDS_AT_THE_END, len(words) // _TIMES_AT_THE_END + 1):
        unit = backwards[:size]
        times = 1
        while backwards[times * size : (times + 1) * size] == unit:
            times += 1
        letters = sum(word.isalpha() for word in unit)
        if times >= _TIMES_AT_THE_END and 2 * letters > size and len(set(unit)) > 1:
            return f"{' '.join(unit[::-1])[:80]}, {times} times at the end"
    return ""


def _is_regular(text: str, words: list[str], asked: str) -> bool:
    numbers = sum(map(str.isdecimal, words))
    if numbers >= _DIGITS_SHARE * len(words) or _ASKED.search(asked):
        return True
    return is_structured(text)


def _longest(words: list[str]) -> _Loop | None:
    """The run of equal units that covers most."""
    best: _Loop | None = None
    for size in range(1, min(_LONGEST_UNIT, len(words) // _LEAST_TIMES) + 1):
        start, length = _run_at_distance(words, size)
        times = length // size + 1
        if times < _LEAST_TIMES:
            continue
        covered = (length + size) / len(words)
        # A multiple of the true unit covers no more: the shortest unit stays.
        if best is None or covered > best.covered + 0.01:
            best = _Loop(tuple(words[start : start + size]), times, covered)
    return best


def _run_at_distance(words: list[str], distance: int) -> tuple[int, int]:
    """Start and length of the longest stretch in which each word equals the one so far behind."""
    best_start = best = run = 0
    for i in range(len(words) - distance):
        run = run + 1 if words[i] == words[i + distance] else 0
        if run > best:
            best, best_start = run, i - run + 1
    return best_start, best


def _of_characters(text: str, asked: str) -> tuple[str, bool]:
    """A loop in a text of few words: of one character, or in a language without spaces."""
    bare = text.strip()
    if len(bare) < _UNSPACED_CHARACTERS or 3 * len(set(bare)) > len(bare):
        return "", False
    loop = _CHARACTER_LOOP.search(bare[:2_000])
    if not loop or len(loop[0]) < _COVERED * min(len(bare), 2_000):
        return "", False
    unit = loop[1].strip()
    # Rules, bars and pictures are made of signs; DNA and bits of very few letters.
    is_of_signs = not any(c.isalpha() for c in unit) and set(unit) - set("!?.,")
    if is_of_signs or set(unit) <= set("ACGTUN01") or _ASKED.search(asked):
        return "", False
    return f"{unit}, {len(loop[0]) // len(loop[1])} times", True
