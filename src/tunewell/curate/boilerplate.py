"""Boilerplate (D05): signatures, footers and disclaimers that recur across rows, found by counting."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from tunewell.curate.rows import InputRow, Ledger
from tunewell.similar import normalise
from tunewell.task import TaskFile

_DIGITS = re.compile(r"\d+")
_PLACEHOLDER = re.compile(r"\[([A-Z]+)_[0-9a-f]{5}\]")
_ENDS = re.compile(r"(?<=[.!?])\s+")
_SIGNAL = re.compile(
    r"(?i)regards|sincerely|yours truly|faithfully|sent from my|confidential|disclaimer|intended recipient|"
    r"do not reply|unsubscribe|registered (?:office|in)|all rights reserved|©|\bwww\.|opening hours|vat (?:no|id)|"
    r"freundlichen grüßen|viele grüße|geschäftsführ|amtsgericht|vertraulich|cordialement|saludos|"
    r"consider the environment|if you have received this"
)
ENOUGH = 12
"""Rows in which a sentence recurs, however many there are."""

TAIL = 12
"""At most so many lines at the end of a turn are looked at."""


def strip(rows: Sequence[InputRow], file: TaskFile, ledger: Ledger) -> dict[str, int]:
    """Take recurring endings off the turns (or report them).

    Returns:
        Each recurring line with the number of rows that it ended.
    """
    common = recurring(rows)
    if not common:
        return {}
    report = file.spec.rules.boilerplate == "report"
    used: Counter[str] = Counter()
    for row in rows:
        turns, taken = [], []
        for role, text in row.turns:
            kept, ending = split_ending(text, common) if role != "system" else (text, [])
            turns.append((role, kept))
            taken += ending
        if not taken:
            continue
        used.update(set(taken))
        if report:
            ledger.seen("D05", [row.id])
            continue
        row.turns = turns
        ledger.change(
            row,
            "boilerplate",
            "endings that recur across rows are stripped",
            cites=file.where("rules.boilerplate"),
            code="D05",
            evidence=" / ".join(taken),
        )
    return dict(used)


def recurring(rows: Sequence[InputRow]) -> frozenset[str]:
    """Shapes of the sentences below the first line of many turns: in 4 rows and 0.5 % (or 12) of them, but not half.

    What stands in half of all rows is the format of the task, not boilerplate. One team's signature
    stands in few of 100,000 rows, so from 2,400 rows on the number counts and not the share.
    """
    counts: Counter[str] = Counter()
    for row in rows:
        shapes: set[str] = set()
        for role, text in row.turns:
            if role != "system" and "\n" in text:
                lines = [line for line in text.split("\n") if line.strip()]
                shapes.update(shape for line in lines[1:][-TAIL:] for shape, _ in _sentences(line))
        counts.update(shapes)
    least, most = min(max(4, len(rows) // 200), ENOUGH), max(len(rows) // 2, 8)
    return frozenset(shape for shape, n in counts.items() if shape and least <= n <= most)


def ends_in(row: InputRow, common: frozenset[str]) -> bool:
    """Whether a turn of the row ends in recurring text."""
    return any(
        split_ending(text, common)[1]
        for role, text in row.turns
        if role != "system" and "\n" in text
    )


def _sentences(line: str) -> list[tuple[str, int]]:
    """Shape and words of each sentence of a line: digits and placeholders do not count."""
    plain = _DIGITS.sub("0", _PLACEHOLDER.sub(r"\1", line))
    return [(normalise(part), len(part.split())) for part in _ENDS.split(plain) if part.strip()]


def split_ending(text: str, common: frozenset[str]) -> tuple[str, list[str]]:
    """A text without its recurring ending, and the ending's lines.

    The ending is a run of lines at the very end, each made for the better part of recurring
    sentences. It goes only if one of its lines says that it is boilerplate or is at least six words
    long, and if something is left.
    """
    lines = text.split("\n")
    end = len(lines)
    ending: list[str] = []
    while end > 1 and len(ending) < TAIL:
        line = lines[end - 1]
        if line.strip(" -_=*–—") and not _recurs(line, common):
            break
        end -= 1
        if line.strip():
            ending.insert(0, line.strip())
    kept = "\n".join(lines[:end]).rstrip()
    telling = any(_SIGNAL.search(line) or len(line.split()) >= 6 for line in ending)
    if not ending or not telling or len(kept.split()) < 2:
        return text, []
    return kept, ending


def _recurs(line: str, common: frozenset[str]) -> bool:
    parts = _sentences(line)
    return 2 * sum(n for shape, n in parts if shape in common) >= sum(n for _, n in parts)
