"""Annotations of Prodigy and doccano: JSON lines, one for each text and person.

Sources: Prodigy's task format (``text``, ``spans``, ``options``, ``accept``, ``answer``,
``_annotator_id``); doccano's export (``text``, ``label`` as labels or as ``[start, end, label]``,
``entities``, ``cats``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tunewell.annotate.exchange import (
    AnnotationFile,
    AnnotationReader,
    ImportedAnnotation,
    QuotedSpan,
    placed,
    row_named,
    with_choices,
)
from tunewell.people import MarkedSpan, Said

NO_SOURCES: Mapping[str, str] = MappingProxyType({})
_ID_KEYS = ("example", "row", "row_id", "id")


def from_prodigy(
    records: Sequence[Mapping[str, Any]], sources: Mapping[str, str] = NO_SOURCES
) -> AnnotationFile:
    """Every record of ``prodigy db-out``.

    What was ignored, or rejected as a whole, counts as one that the person could not decide.

    Args:
        records: Of the file.
        sources: What annotators would see here, by row: spans are held against it.

    Raises:
        DataError: Nothing in it can be read.
    """
    reader = AnnotationReader()
    for n, record in enumerate(records):
        reader.take(f"record {n}", _prodigy(record, sources))
    return reader.found().checked("Prodigy file")


def _prodigy(
    record: Mapping[str, Any],
    sources: Mapping[str, str],
) -> Iterator[ImportedAnnotation]:
    meta = record.get("meta") or {}
    text = str(record.get("text") or "")
    names = [*map(record.get, _ID_KEYS), *map(meta.get, _ID_KEYS), record.get("_input_hash")]
    row = row_named(names, text, sources)
    annotator = str(record.get("_annotator_id") or record.get("_session_id") or "")
    answer = record.get("answer", "accept")
    if answer != "accept":
        label = record.get("label")
        what = f"{answer}: {label}" if label else str(answer)
        yield ImportedAnnotation(row, annotator, Said(skipped=what))
        return

    spans = []
    for span in record.get("spans") or []:
        spans.append(_span(span["start"], span["end"], span["label"], text, sources.get(row, "")))
    choices = {}
    if record.get("options") is not None:
        names_of = {o["id"]: str(o.get("text") or o["id"]) for o in record["options"]}
        chosen = record.get("accept") or []
        choices["label"] = [names_of.get(one, str(one)) for one in chosen]
    elif record.get("label"):
        choices["label"] = [str(record["label"])]
    texts = {"answer": record["user_input"]} if record.get("user_input") else {}
    yield ImportedAnnotation(row, annotator, with_choices(choices, texts, spans))


def from_doccano(
    records: Sequence[Mapping[str, Any]],
    sources: Mapping[str, str] = NO_SOURCES,
    *,
    annotator: str = "",
) -> AnnotationFile:
    """Every record of a doccano export.

    Args:
        records: Of the file.
        sources: What annotators would see here, by row: spans are held against it.
        annotator: Whose file it is: doccano writes one for each user, named after them.

    Raises:
        DataError: Nothing in it can be read.
    """
    reader = AnnotationReader()
    for n, record in enumerate(records):
        reader.take(f"record {n}", _doccano(record, sources, annotator))
    return reader.found().checked("doccano file")


def _doccano(
    record: Mapping[str, Any],
    sources: Mapping[str, str],
    annotator: str,
) -> Iterator[ImportedAnnotation]:
    if record.get("relations"):
        raise ValueError("relations are not supported")
    text = str(record.get("text") or record.get("data") or "")
    meta = record.get("meta") or record.get("metadata") or {}
    names = [*map(record.get, _ID_KEYS), *(map(meta.get, _ID_KEYS) if meta else ())]
    row = row_named(names, text, sources)
    who = str(record.get("annotator") or record.get("user") or annotator)
    source = sources.get(row, "")
    spans = [
        _span(entity["start_offset"], entity["end_offset"], entity["label"], text, source)
        for entity in record.get("entities") or []
    ]
    labels = []
    for label in _listed(record.get("label", record.get("labels"))):
        if isinstance(label, list):
            start, end, name = label
            spans.append(_span(start, end, name, text, source))
        else:
            labels.append(str(label))
    labels += map(str, _listed(record.get("cats")))
    comments = record.get("Comments") or record.get("comments") or []
    remark = "\n".join(str(comment) for comment in _listed(comments))
    choices = {"label": labels} if labels else {}
    yield ImportedAnnotation(row, who, with_choices(choices, {}, spans, remark))


def _listed(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return value if isinstance(value, list) else [value]


def _span(
    start: int,
    end: int,
    label: str,
    text: str,
    source: str,
) -> MarkedSpan:
    """A stretch of the other tool's text, placed in ours by what it covers there."""
    if not 0 <= start < end <= len(text):
        raise ValueError(f"the span {start}-{end} lies outside its text ({len(text)} characters)")
    return placed(QuotedSpan(start, end, label, text[start:end]), source)
