"""How the answers of one set look: what is usual there is no fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tunewell.checks.broken.endings import ends_properly
from tunewell.checks.broken.placeholders import normal
from tunewell.json_text import parse_json

_FEWEST_TOLD = 20
"""Fewer targets do not tell how targets look here."""

_MOST_LABELS = 200
_LABEL_WORDS = 3
_LABEL_CHARACTERS = 40

_FEWEST_OF_A_LABEL = 2


@dataclass(frozen=True)
class Habits:
    """How the answers of a set look.

    Attributes:
        ends_done: Share of the targets that end as finished text does, of those where one can
            tell; 0 with fewer than 20.
        json: Share of the targets that are JSON; 0 with fewer than 20.
        labels: Short targets that recur, where most targets are short: labels of the set.
        markup: Share of the targets that hold markup.
    """

    ends_done: float = 0.0
    json: float = 0.0
    labels: frozenset[str] = frozenset()
    markup: float = 0.0


def habits_of(targets: Iterable[str]) -> Habits:
    """What is usual among the targets of a set."""
    targets = list(targets)
    if not targets:
        return Habits()
    ends = Counter(map(ends_properly, targets))
    told = ends[True] + ends[False]
    enough = len(targets) >= _FEWEST_TOLD
    return Habits(
        ends_done=ends[True] / told if told >= _FEWEST_TOLD else 0.0,
        json=sum(map(_is_json, targets)) / len(targets) if enough else 0.0,
        labels=_labels(targets),
        markup=sum(map(_has_tags, targets)) / len(targets),
    )


def _is_json(target: str) -> bool:
    if not target.lstrip().startswith(("{", "[")):
        return False
    try:
        parse_json(target)
    except ValueError:
        return False
    return True


def _has_tags(target: str) -> bool:
    return "</" in target or "<br" in target


def _labels(targets: list[str]) -> frozenset[str]:
    short = [target for target in targets if len(target) <= _LABEL_CHARACTERS]
    if 2 * len(short) < len(targets):
        return frozenset()
    counts: Counter[str] = Counter()
    for target in short:
        if len(target.split()) <= _LABEL_WORDS:
            counts[normal(target)] += 1
    if 2 * counts.total() < len(targets):
        return frozenset()
    recurring = [(value, n) for value, n in counts.most_common(_MOST_LABELS) if value]
    return frozenset(value for value, n in recurring if n >= _FEWEST_OF_A_LABEL)
