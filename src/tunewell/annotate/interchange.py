"""Annotations for other tools and from them: Label Studio tasks, Argilla records, CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from tunewell.errors import DataError
from tunewell.people import Item, MarkedSpan, RaterVerdict, Said
from tunewell.people.safe_text import cell
from tunewell.people.work import Batch


def to_label_studio(
    items: Sequence[Item], said: Iterable[RaterVerdict], batch: Batch
) -> list[dict[str, Any]]:
    """Tasks with annotations as Label Studio exports them: labels on ``text``, choices, a text area ``answer``."""
    words: dict[str, list[RaterVerdict]] = defaultdict(list)
    for verdict in said:
        words[verdict.item].append(verdict)
    return [
        {
            "data": {"text": item.source, "answer": item.output, "example": item.example},
            "meta": {"item": item.id, "part": item.part, "batch": batch.id},
            "annotations": [
                {
                    "completed_by": v.account,
                    "created_at": v.at.isoformat(),
                    "lead_time": v.seconds,
                    "was_cancelled": bool(v.said.skipped),
                    "meta": {"guideline": v.version, "comment": v.said.comment},
                    "result": _results(v.said, item),
                }
                for v in words[item.id]
            ],
        }
        for item in items
    ]


def _results(said: Said, item: Item) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = [
        {
            "type": "labels",
            "from_name": "label",
            "to_name": "text",
            "value": {
                "start": s.start,
                "end": s.end,
                "text": item.source[s.start : s.end],
                "labels": [s.label],
            },
        }
        for s in said.spans
    ]
    if said.label:
        out.append(
            {
                "type": "choices",
                "from_name": "row",
                "to_name": "text",
                "value": {"choices": [said.label]},
            }
        )
    if said.answer:
        out.append(
            {
                "type": "textarea",
                "from_name": "answer",
                "to_name": "text",
                "value": {"text": [said.answer]},
            }
        )
    return out


def from_label_studio(tasks: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, Said]]:
    """(row, annotator, what was said) of every annotation in a Label Studio export.

    The row is ``data.example`` where it is given, else the task's ``id``. Results of kinds that we
    do not have (boxes, relations) are refused rather than left out silently.

    Raises:
        DataError: A task that cannot be read, with its position.
    """
    out = []
    for n, task in enumerate(tasks):
        try:
            row = str(task["data"].get("example") or task["id"])
            for annotation in task.get("annotations", []):
                out.append((row, str(annotation.get("completed_by", "")), _said(annotation)))
        except (
            KeyError,
            TypeError,
            AttributeError,
            IndexError,
            ValidationError,
            ValueError,
        ) as error:
            raise DataError(
                f"task {n} of the Label Studio export cannot be read: {error}", place=f"task {n}"
            ) from error
    return out


def _said(annotation: Mapping[str, Any]) -> Said:
    if annotation.get("was_cancelled"):
        return Said(skipped="cancelled")
    spans: list[MarkedSpan] = []
    label = answer = ""
    for result in annotation["result"]:
        value, kind = result["value"], result["type"]
        if kind in ("labels", "hypertextlabels"):
            spans.append(MarkedSpan(start=value["start"], end=value["end"], label=value[kind][0]))
        elif kind == "choices":
            label = value["choices"][0]
        elif kind == "textarea":
            answer = "\n".join(value["text"])
        else:
            raise ValueError(f"results of the kind {kind!r} have no place here")
    return Said(spans=tuple(spans), label=label, answer=answer)


def to_argilla(items: Sequence[Item], said: Iterable[RaterVerdict]) -> list[dict[str, Any]]:
    """Records as Argilla 2 reads them: fields, and responses by question and user."""
    words: dict[str, list[RaterVerdict]] = defaultdict(list)
    for verdict in said:
        words[verdict.item].append(verdict)
    return [
        {
            "id": item.id,
            "fields": {"source": item.source, "output": item.output},
            "metadata": {"example": item.example, "part": item.part},
            "responses": [
                {
                    "user_id": v.account,
                    "status": "discarded" if v.said.skipped else "submitted",
                    "values": _values(v),
                }
                for v in words[item.id]
            ],
        }
        for item in items
    ]


def _values(verdict: RaterVerdict) -> dict[str, dict[str, Any]]:
    said = verdict.said
    values: dict[str, Any] = dict(said.scores)
    values |= {"label": said.label} if said.label else {}
    values |= {"answer": said.answer or said.correction} if said.answer or said.correction else {}
    values |= {"spans": [s.model_dump() for s in said.spans]} if said.spans else {}
    values |= {"guideline": verdict.version}
    return {k: {"value": v} for k, v in values.items()}


def to_csv(items: Sequence[Item], said: Iterable[RaterVerdict], batch: Batch) -> str:
    """One line a verdict for a spreadsheet.

    Cells that it would run as formulas are quoted with an apostrophe.
    """
    by_id = {i.id: i for i in items}
    names = [c.name for c in batch.rubric]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(
        [
            "row",
            "part",
            "person",
            "at",
            "seconds",
            "guideline",
            *names,
            "label",
            "tags",
            "marks",
            "answer",
            "comment",
            "skipped",
            "source",
        ]
    )
    for v in said:
        item = by_id[v.item]
        marks = " | ".join(f"{s.label}: {item.source[s.start : s.end]}" for s in v.said.spans)
        cells = [
            item.example,
            item.part,
            v.account,
            v.at.isoformat(),
            v.seconds,
            v.version,
            *(v.said.scores.get(n, "") for n in names),
            v.said.label,
            "; ".join(v.said.tags),
            marks,
            v.said.answer or v.said.correction,
            v.said.comment,
            v.said.skipped,
            item.source,
        ]
        writer.writerow([cell(c) for c in cells])
    return file.getvalue()
