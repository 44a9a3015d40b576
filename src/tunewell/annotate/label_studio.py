"""Label Studio tasks: annotations written for it and read from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from tunewell.annotate.exchange import ImportedAnnotation, by_item
from tunewell.errors import DataError
from tunewell.people import Item, MarkedSpan, RaterVerdict, Said
from tunewell.people.work import Batch

UNREADABLE = (KeyError, TypeError, AttributeError, IndexError, ValidationError, ValueError)
"""What a task of another shape raises."""


def to_label_studio(
    items: Sequence[Item],
    said: Iterable[RaterVerdict],
    batch: Batch,
) -> list[dict[str, Any]]:
    """Tasks with annotations, as Label Studio exports them.

    Labels are on ``text``; the label of the row is a choice, the answer a text area ``answer``.
    """
    verdicts = by_item(said)
    return [_task(item, verdicts[item.id], batch) for item in items]


def _task(
    item: Item,
    verdicts: Sequence[RaterVerdict],
    batch: Batch,
) -> dict[str, Any]:
    return {
        "data": {"text": item.source, "answer": item.output, "example": item.example},
        "meta": {"item": item.id, "part": item.part, "batch": batch.id},
        "annotations": [_annotation(verdict, item) for verdict in verdicts],
    }


def _annotation(verdict: RaterVerdict, item: Item) -> dict[str, Any]:
    return {
        "completed_by": verdict.account,
        "created_at": verdict.at.isoformat(),
        "lead_time": verdict.seconds,
        "was_cancelled": bool(verdict.said.skipped),
        "meta": {"guideline": verdict.version, "comment": verdict.said.comment},
        "result": _results(verdict.said, item),
    }


def _results(said: Said, item: Item) -> list[dict[str, Any]]:
    results = [_result("labels", "label", _span(s, item.source)) for s in said.spans]
    if said.label:
        results.append(_result("choices", "row", {"choices": [said.label]}))
    if said.answer:
        results.append(_result("textarea", "answer", {"text": [said.answer]}))
    return results


def _result(
    kind: str,
    name: str,
    value: dict[str, Any],
) -> dict[str, Any]:
    return {"type": kind, "from_name": name, "to_name": "text", "value": value}


def _span(span: MarkedSpan, source: str) -> dict[str, Any]:
    return {
        "start": span.start,
        "end": span.end,
        "text": source[span.start : span.end],
        "labels": [span.label],
    }


def from_label_studio(tasks: Sequence[Mapping[str, Any]]) -> list[ImportedAnnotation]:
    """Every annotation in a Label Studio export.

    The row is ``data.example`` where it is given, else the task's ``id``. Results of a kind that we
    do not have (boxes, relations) are refused rather than left out silently.

    Raises:
        DataError: A task that cannot be read, with its position.
    """
    found: list[ImportedAnnotation] = []
    for n, task in enumerate(tasks):
        try:
            row = str(task["data"].get("example") or task["id"])
            for annotation in task.get("annotations", []):
                annotator = str(annotation.get("completed_by", ""))
                found.append(ImportedAnnotation(row, annotator, _said(annotation)))
        except UNREADABLE as error:
            raise DataError(
                f"task {n} of the Label Studio export cannot be read: {error}", place=f"task {n}"
            ) from error
    return found


def _said(annotation: Mapping[str, Any]) -> Said:
    if annotation.get("was_cancelled"):
        return Said(skipped="cancelled")

    spans: list[MarkedSpan] = []
    label = answer = ""
    for result in annotation["result"]:
        value, kind = result["value"], result["type"]
        if kind in ("labels", "hypertextlabels"):
            spans.append(
                MarkedSpan(
                    start=value["start"],
                    end=value["end"],
                    label=value[kind][0],
                )
            )
        elif kind == "choices":
            label = value["choices"][0]
        elif kind == "textarea":
            answer = "\n".join(value["text"])
        else:
            raise ValueError(f"results of the kind {kind!r} are not supported")
    return Said(
        spans=tuple(spans),
        label=label,
        answer=answer,
    )
