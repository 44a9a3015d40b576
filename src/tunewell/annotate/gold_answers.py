"""The gold that comes of an annotation: settled answers, labels and marked stretches as rows."""

from __future__ import annotations

from collections.abc import Mapping

from tunewell.annotate.results import AnnotationResult
from tunewell.people import Item, Said
from tunewell.people.settle import Settled
from tunewell.types import Example, Message


def gold_examples(
    result: AnnotationResult, rows: Mapping[str, Example]
) -> list[tuple[Example, str]]:
    """Each settled row with its gold, and the part it belongs to.

    The settled answer becomes the target, the marked stretches the tag ``points``, the label the
    tag ``label``. A row of the test set keeps its id (its gold changes); a row for training becomes
    a new one of origin ``annotation`` whose parent is the old one.
    """
    gold: list[tuple[Example, str]] = []
    for settled in result.settled:
        row = rows.get(settled.item.example)
        if row is not None:
            gold.append((_gold_row(row, settled), settled.item.part))
    return gold


def _gold_row(row: Example, settled: Settled) -> Example:
    changed: dict[str, object] = {"tags": _tags(row, settled.item, settled.said)}
    answer = settled.said.answer or row.target
    if answer:
        changed["messages"] = (*row.prompt, Message(role="assistant", content=answer))
    if settled.item.part != "test":
        changed |= {"id": f"{row.id}#annotated", "parent": row.id, "origin": "annotation"}
    return row.model_copy(update=changed)


def _tags(
    row: Example,
    item: Item,
    said: Said,
) -> dict[str, str]:
    spans = sorted(said.spans, key=lambda span: span.start)
    tags = dict(row.tags)
    if spans:
        tags["points"] = " | ".join(item.source[span.start : span.end] for span in spans)
    if said.label:
        tags["label"] = said.label
    for control, chosen in said.choices.items():
        tags[control] = " | ".join(chosen)
    return tags
