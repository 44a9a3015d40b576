"""Does a suggested answer sway annotators? Rows that were shown without one tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rapidfuzz.fuzz import ratio

from tunewell.people.work import Batch, Item, RaterVerdict
from tunewell.stats import difference, mean
from tunewell.types import Estimate, Value

FEWEST_FAMILIES = 5
"""With fewer families on either side an interval says nothing."""


class SuggestionBias(Value):
    """How far answers lean towards a suggestion because it was shown.

    Attributes:
        shown: Mean likeness (0 to 1) of answers to the suggestion where it was shown.
        hidden: The same where it was not.
        bias: Shown minus hidden: 0 if the suggestion changes nothing.
        seconds: Mean seconds saved per verdict where it was shown; None without times.
    """

    shown: Estimate
    hidden: Estimate
    bias: Estimate
    seconds: Estimate | None = None


@dataclass
class _Answers:
    """The answers given with the suggestion, or those given without it.

    Attributes:
        likeness: Of each answer to the suggestion, 0 to 1.
        families: Family of each answer's row.
        seconds: That each answer took; 0 if unknown.
    """

    likeness: list[float] = field(default_factory=list)
    families: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def too_few(self) -> bool:
        return len(set(self.families)) < FEWEST_FAMILIES

    @property
    def timed(self) -> bool:
        return all(s > 0 for s in self.seconds)

    def mean_likeness(self, level: float) -> Estimate:
        return mean(
            self.likeness,
            clusters=self.families,
            level=level,
            low=0,
            high=1,
        )

    def add(self, item: Item, verdict: RaterVerdict) -> None:
        alike = ratio(_plain(verdict.said.answer), _plain(item.suggestion)) / 100
        self.likeness.append(alike)
        self.families.append(item.family or item.example)
        self.seconds.append(verdict.seconds)


def suggestion_bias(
    items: Sequence[Item],
    said: Sequence[RaterVerdict],
    batch: Batch,
    *,
    level: float = 0.95,
) -> SuggestionBias | None:
    """Compare answers on rows with and without a suggestion, which were drawn at random.

    Likeness is the normalised edit similarity of answer and suggestion. An answer may equal a
    suggestion that nobody saw because both are right; that is why rows without one are needed.

    Args:
        items: Of the batch.
        said: The verdicts that count.
        batch: The annotation.
        level: Of every interval.

    Returns:
        None with too few rows of either kind.
    """
    by_id = {item.id: item for item in items if item.suggestion}
    shown, hidden = _Answers(), _Answers()
    groups = {True: shown, False: hidden}
    for verdict in said:
        item = by_id.get(verdict.item)
        if item is not None and _is_an_annotators_answer(verdict, batch):
            saw_suggestion = bool(item.output)
            groups[saw_suggestion].add(item, verdict)
    if shown.too_few or hidden.too_few:
        return None

    bias = difference(
        shown.likeness,
        hidden.likeness,
        paired=False,
        clusters=[*shown.families, *hidden.families],
        level=level,
        low=0,
        high=1,
    )
    return SuggestionBias(
        shown=shown.mean_likeness(level),
        hidden=hidden.mean_likeness(level),
        bias=bias,
        seconds=_seconds_saved(shown, hidden, level),
    )


def _is_an_annotators_answer(verdict: RaterVerdict, batch: Batch) -> bool:
    """Adjudicators see other people's answers, and a skipped item has none."""
    if verdict.account in batch.adjudicators or verdict.said.skipped:
        return False
    return bool(verdict.said.answer)


def _seconds_saved(
    shown: _Answers,
    hidden: _Answers,
    level: float,
) -> Estimate | None:
    if not (shown.timed and hidden.timed):
        return None
    clusters = [*hidden.families, *shown.families]
    return difference(
        hidden.seconds,
        shown.seconds,
        paired=False,
        clusters=clusters,
        level=level,
    )


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
