"""What people changed in answers, by kind of error, and whether the errors come back."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pydantic import Field

from tunewell.metrics.checkable_items import items_in
from tunewell.people import WorkStore
from tunewell.stats import proportion
from tunewell.store import Store
from tunewell.types import Estimate, Value

_WORD = re.compile(r"\w+")

_ANEW: Final = 0.3
"""Share of the words in common below which an answer was written anew."""

_MUCH: Final = 0.25
"""Share of the words by which an answer got longer or shorter."""

_HALF: Final = 0.5


class HumanChange(Value):
    """An answer of a model and what a person made of it.

    Attributes:
        row: Id of the row.
        part: Where it belongs: ``test`` or ``review``.
        before: What the model said.
        after: What the person wrote.
        kinds: The kinds of error that the reviewer ticked; without any, what the texts tell:
            ``other values``, ``left out``, ``too much``, ``form``, ``wording`` or ``written anew``.
        at: When, UTC.
    """

    row: str
    part: str
    before: str
    after: str
    kinds: tuple[str, ...]
    at: dt.datetime


class Recurrence(Value):
    """How many corrected errors a later version makes again.

    Attributes:
        rate: Of the corrected answers that the later version has answered; None if it has none.
        kinds: The same by kind of error.
        again: Ids of the rows on which the error came back.
        trained_on: How many of the rows the version was trained on, as corrected: on those it
            should know better, so the rate is a lower bound for new rows.
        unanswered: Corrected rows that the later version has not answered.
    """

    rate: Estimate | None
    kinds: Mapping[str, Estimate] = Field(default_factory=dict)
    again: tuple[str, ...] = ()
    trained_on: int = 0
    unanswered: int = 0


def human_changes(
    store: Store,
    *,
    language: str = "en",
) -> list[HumanChange]:
    """Every correction of an answer, the newest of each row, in the order of the rows.

    Args:
        store: Of the project.
        language: Of the answers, as an ISO 639-1 code.
    """
    book = WorkStore(store)
    newest: dict[tuple[str, str], tuple[int, HumanChange]] = {}
    for batch in book.batches(kind="review"):
        items = {item.id: item for item in book.items(batch.id)}
        for verdict in book.verdicts(batch.id):
            item = items[verdict.item]
            after = verdict.said.correction.strip()
            if item.gold or not after or after == item.output.strip():
                continue
            change = HumanChange(
                row=item.example,
                part=item.part,
                before=item.output,
                after=after,
                kinds=verdict.said.tags or (kind_of_change(item.output, after, language),),
                at=verdict.at,
            )
            place = (item.part, item.example)
            if place not in newest or newest[place][0] < verdict.number:
                newest[place] = (verdict.number, change)
    return [newest[place][1] for place in sorted(newest)]


def kind_of_change(
    before: str,
    after: str,
    language: str = "en",
) -> str:
    """What a correction changed, by the texts alone.

    Example:
        >>> kind_of_change("Pay 30 euros by Friday.", "Pay 35 euros by Friday.")
        'other values'
        >>> kind_of_change("Pay by Friday.", "Pay by Friday, and send us the form that you got.")
        'left out'
        >>> kind_of_change("pay by friday", "Pay by Friday.")
        'form'
    """
    old, new = _words(before), _words(after)
    if old == new:
        return "form"
    common = (Counter(old) & Counter(new)).total()
    if 2 * common < _ANEW * (len(old) + len(new)):
        return "written anew"
    if _values(before, language) != _values(after, language) and abs(len(new) - len(old)) <= 2:
        return "other values"
    if len(new) > len(old) * (1 + _MUCH):
        return "left out"
    if len(old) > len(new) * (1 + _MUCH):
        return "too much"
    return "wording"


def counted_kinds(changes: Iterable[HumanChange]) -> dict[str, int]:
    """How many changes there are of each kind, the most frequent first."""
    counts = Counter(kind for change in changes for kind in change.kinds)
    return dict(counts.most_common())


def recurs(
    change: HumanChange,
    answer: str,
) -> bool:
    """Whether an answer makes a corrected error again.

    It does if it has more of what the person took out than of what the person put in; where nothing
    was taken out, if it lacks most of what was put in.

    Example:
        >>> made = HumanChange(row="a", part="test", before="Pay 30 euros.", after="Pay 35 euros.",
        ...                    kinds=("other values",), at=dt.datetime.now(dt.UTC))
        >>> recurs(made, "You pay 30 euros."), recurs(made, "You pay 35 euros.")
        (True, False)
    """
    old, new, said = set(_words(change.before)), set(_words(change.after)), set(_words(answer))
    taken_out, put_in = old - new, new - old
    of_old = len(said & taken_out) / len(taken_out) if taken_out else 0.0
    of_new = len(said & put_in) / len(put_in) if put_in else 0.0
    if not put_in:
        return of_old >= _HALF
    if not taken_out:
        return of_new < _HALF
    return of_old > of_new


def recurrence(
    changes: Sequence[HumanChange],
    answers: Mapping[tuple[str, str], str],
) -> Recurrence:
    """How many corrected errors come back in a later version's answers.

    Args:
        changes: The corrections.
        answers: Of the later version, by (part, row).
    """
    answered = [change for change in changes if (change.part, change.row) in answers]
    if not answered:
        return Recurrence(
            rate=None,
            unanswered=len(changes),
        )
    back = [change for change in answered if recurs(change, answers[change.part, change.row])]
    kinds = {}
    for kind, count in counted_kinds(answered).items():
        again = sum(kind in change.kinds for change in back)
        kinds[kind] = _share(again, count)
    return Recurrence(
        rate=_share(len(back), len(answered)),
        kinds=kinds,
        again=tuple(change.row for change in back),
        trained_on=sum(change.part == "review" for change in answered),
        unanswered=len(changes) - len(answered),
    )


def _share(
    count: int,
    of: int,
) -> Estimate:
    found = proportion(count, of, method="clopper-pearson")
    return found.model_copy(update={"unit": "share"})


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _values(
    text: str,
    language: str,
) -> list[str]:
    return sorted(text[start:end] for _, start, end in items_in(text, language=language))
