"""Support (E07): what an output says that can be looked up, and whether the input bears it out."""

from __future__ import annotations

import unicodedata

from tunewell.metrics.base import Marked, MarkedPlace, input_text
from tunewell.metrics.checkable_items import ItemKind, items_in, tame
from tunewell.metrics.evidence import Evidence
from tunewell.metrics.registry import built_in
from tunewell.task import TaskSpec
from tunewell.types import Example, MetricInfo, Value


class SupportItem(Value):
    """Something in an output that a reader could look up in the input.

    Attributes:
        start: First character.
        end: One past the last.
        kind: What it is.
        text: As written.
        supported: Whether the input bears it out.
    """

    start: int
    end: int
    kind: ItemKind
    text: str
    supported: bool


def check_support(output: str, given: str, *, language: str = "en") -> list[SupportItem]:
    """Every checkable item of an output, in order, with whether the input bears it out.

    A number is borne out by the same value in any writing (``1,200.00``, ``1200``, ``twelve``); a
    date by the same day; a name if each of its words stands in the input. Names are not looked for
    in German, where every noun has a capital.

    Args:
        output: What the model said.
        given: What it was given.
        language: ISO 639-1.

    Example:
        >>> given = "okafor, bill 84,20 €, due 2026-05-06"
        >>> items = check_support("Mr Okafor pays 84.20 EUR by 5 May 2026.", given)
        >>> [(i.text, i.kind, i.supported) for i in items]
        [('Mr Okafor', 'name', True), ('84.20', 'number', True), ('5 May 2026', 'date', False)]
    """
    output = tame(unicodedata.normalize("NFC", output))
    evidence = Evidence(tame(unicodedata.normalize("NFC", given)), language)
    found: list[SupportItem] = []
    for kind, start, end in items_in(output, language=language):
        text = output[start:end]
        supported = evidence.bears_out(kind, text)
        item = SupportItem(
            start=start,
            end=end,
            kind=kind,
            text=text,
            supported=supported,
        )
        found.append(item)
    return sorted(found, key=lambda item: item.start)


@built_in(
    MetricInfo(
        name="support",
        title="statements that the input supports",
        own=True,
    )
)
def support(output: str, example: Example, *, task: TaskSpec) -> Marked:
    """Share of the answer's checkable items that the input bears out.

    Checkable are numbers, amounts, dates, times, names, addresses and references. Numbers that the
    input spells out are read in English only: in other languages ``20`` is not borne out by
    ``zwanzig``.
    """
    items = check_support(output, input_text(example), language=task.task.language)
    if not items:
        return Marked(value=1.0, reason="nothing to look up")
    loose = [item for item in items if not item.supported]
    if not loose:
        return Marked(value=1.0)

    told = ", ".join(item.text for item in loose)
    return Marked(
        value=1 - len(loose) / len(items),
        reason=f"not in the input: {told}",
        spans=tuple(map(_place, loose)),
    )


def _place(item: SupportItem) -> MarkedPlace:
    return {
        "start": item.start,
        "end": item.end,
        "type": item.kind,
        "text": item.text,
    }
