"""What a suggestion does to those who see it: rows without one tell."""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz.fuzz import ratio

from tunewell.people.work import Batch, Item, RaterVerdict
from tunewell.stats import difference, mean
from tunewell.types import Estimate, Value

FEW = 5


class SuggestionBias(Value):
    """How far answers lean towards a suggestion because it was shown.

    Attributes:
        shown: Mean likeness (0 to 1) of answers to the suggestion where it was shown.
        hidden: The same where it was not.
        bias: Shown minus hidden: 0 if the suggestion changes nothing.
        seconds: Median-free mean seconds saved per verdict where it was shown; None without times.
    """

    shown: Estimate
    hidden: Estimate
    bias: Estimate
    seconds: Estimate | None = None


def suggestion_bias(
    items: Sequence[Item], said: Sequence[RaterVerdict], batch: Batch, *, level: float = 0.95
) -> SuggestionBias | None:
    """Compare answers on rows with and without a suggestion, which were drawn at random.

    None with too few of either.

    Likeness is the normalised edit similarity of answer and suggestion. An answer nobody was shown
    may still equal the suggestion because both are right; that is why rows without one are needed.
    """
    by_id = {i.id: i for i in items if i.suggestion}
    groups: dict[bool, tuple[list[float], list[str], list[float]]] = {
        True: ([], [], []),
        False: ([], [], []),
    }
    for v in said:
        item = by_id.get(v.item)
        if item is None or v.account in batch.adjudicators or v.said.skipped or not v.said.answer:
            continue
        likeness, rows, seconds = groups[bool(item.output)]
        likeness.append(ratio(_plain(v.said.answer), _plain(item.suggestion)) / 100)
        rows.append(item.family or item.example)
        seconds.append(v.seconds)
    (with_it, rows, fast), (without, others, slow) = groups[True], groups[False]
    if len(set(rows)) < FEW or len(set(others)) < FEW:
        return None
    timed = all(s > 0 for s in (*fast, *slow))
    return SuggestionBias(
        shown=mean(with_it, clusters=rows, level=level, low=0, high=1),
        hidden=mean(without, clusters=others, level=level, low=0, high=1),
        bias=difference(
            with_it, without, paired=False, clusters=[*rows, *others], level=level, low=0, high=1
        ),
        seconds=difference(slow, fast, paired=False, clusters=[*others, *rows], level=level)
        if timed
        else None,
    )


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
