"""Label Studio tasks: annotations written for it and read from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tunewell.annotate.exchange import (
    UNREADABLE,
    AnnotationFile,
    AnnotationReader,
    ImportedAnnotation,
    QuotedSpan,
    by_item,
    placed,
    row_named,
    with_choices,
)
from tunewell.people import Item, MarkedSpan, RaterVerdict, Said
from tunewell.people.work import Batch

NO_SOURCES: Mapping[str, str] = MappingProxyType({})
SPAN_KINDS = frozenset({"labels", "hypertextlabels"})
CHOICE_KINDS = frozenset({"choices", "rating", "number", "taxonomy", "datetime", "pairwise"})
"""Controls whose value is what was chosen."""


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
    for control, chosen in said.choices.items():
        results.append(_result("choices", control, {"choices": list(chosen)}))
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


def from_label_studio(
    tasks: Sequence[Mapping[str, Any]], sources: Mapping[str, str] = NO_SOURCES
) -> AnnotationFile:
    """Every annotation in a Label Studio export.

    The row is ``data.example`` where it is given, else the task's ``id``, else the row with its
    text. Every control is kept; an annotation with results of a kind that we do not have (boxes,
    relations) rejects itself rather than losing them silently.

    Args:
        tasks: The export.
        sources: What annotators would see here, by row: spans are held against it.

    Raises:
        DataError: Nothing in it can be read.
    """
    reader = AnnotationReader()
    for n, task in enumerate(tasks):
        place = f"task {n}"
        try:
            row = _row(task, sources)
            annotations = list(task.get("annotations", task.get("completions", [])))
        except UNREADABLE as error:
            reader.reject(place, str(error))
            continue
        source = sources.get(row) or _text(task)
        for annotation in annotations:
            reader.take(place, _annotation_of(row, annotation, source))
    return reader.found().checked("Label Studio export")


def _row(task: Mapping[str, Any], sources: Mapping[str, str]) -> str:
    data = task["data"]
    meta = task.get("meta") or {}
    names = [data.get(name) for name in ("example", "row", "row_id", "id")]
    return row_named([*names, meta.get("example"), task.get("id")], _text(task), sources)


def _text(task: Mapping[str, Any]) -> str:
    text = task["data"].get("text")
    return text if isinstance(text, str) else ""


def _annotation_of(
    row: str,
    annotation: Mapping[str, Any],
    source: str,
) -> Iterator[ImportedAnnotation]:
    yield ImportedAnnotation(row, _annotator(annotation), _said(annotation, source))


def _annotator(annotation: Mapping[str, Any]) -> str:
    """Who made it: a number, a name, or an object with either."""
    who = annotation.get("completed_by")
    if isinstance(who, Mapping):
        who = who.get("email") or who.get("id")
    return "" if who is None else str(who)


def _said(annotation: Mapping[str, Any], source: str) -> Said:
    if annotation.get("was_cancelled"):
        return Said(skipped="cancelled")

    spans: list[MarkedSpan] = []
    choices: dict[str, list[str]] = {}
    texts: dict[str, str] = {}
    for result in annotation["result"]:
        value, kind = result["value"], result["type"]
        control = str(result.get("from_name") or kind)
        if kind in SPAN_KINDS:
            spans += _spans(value, kind, source)
        elif kind == "textarea":
            texts[control] = "\n".join([*filter(None, [texts.get(control)]), *value["text"]])
        elif kind in CHOICE_KINDS:
            choices.setdefault(control, []).extend(_chosen(value[kind]))
        else:
            raise ValueError(f"results of the kind {kind!r} are not supported")
    comment = (annotation.get("meta") or {}).get("comment", "")
    return with_choices(choices, texts, spans, str(comment or ""))


def _spans(
    value: Mapping[str, Any],
    kind: str,
    source: str,
) -> Iterator[MarkedSpan]:
    """One for each label of a stretch."""
    quote = str(value.get("text") or "")
    for label in value[kind]:
        yield placed(QuotedSpan(value["start"], value["end"], label, quote), source)


def _chosen(value: Any) -> list[str]:
    """What a control holds, as texts: choices, a rating, a path in a taxonomy."""
    items = value if isinstance(value, list) else [value]
    return [" > ".join(map(str, item)) if isinstance(item, list) else str(item) for item in items]
