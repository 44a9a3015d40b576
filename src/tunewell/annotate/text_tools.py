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
    text = str(record.get("text") or "")
    row = row_named([*_ids(record), record.get("_input_hash")], text, sources)
    annotator = str(record.get("_annotator_id") or record.get("_session_id") or "")
    answer = record.get("answer", "accept")
    if answer == "accept":
        said = _accepted(record, text, sources.get(row, ""))
    else:
        label = record.get("label")
        said = Said(skipped=f"{answer}: {label}" if label else str(answer))
    yield ImportedAnnotation(row, annotator, said)


def _ids(record: Mapping[str, Any]) -> list[Any]:
    """What may be the row's id: of the record, then of its metadata."""
    meta = record.get("meta") or record.get("metadata")
    found = [record.get(key) for key in _ID_KEYS]
    if isinstance(meta, Mapping):
        found += [meta.get(key) for key in _ID_KEYS]
    return found


def _accepted(
    record: Mapping[str, Any],
    text: str,
    source: str,
) -> Said:
    """What a person accepted: marks, chosen options or the label shown, what was typed."""
    spans = []
    for span in record.get("spans") or []:
        spans.append(_span(span["start"], span["end"], span["label"], text, source))
    choices = {}
    if record.get("options") is not None:
        choices["label"] = _options(record)
    elif record.get("label"):
        choices["label"] = [str(record["label"])]
    typed = record.get("user_input")
    return with_choices(choices, {"answer": typed} if typed else {}, spans)


def _options(record: Mapping[str, Any]) -> list[str]:
    """The texts of the options that were chosen."""
    texts = {option["id"]: str(option.get("text") or option["id"]) for option in record["options"]}
    return [texts.get(chosen, str(chosen)) for chosen in record.get("accept") or []]


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
    row = row_named(_ids(record), text, sources)
    who = str(record.get("annotator") or record.get("user") or annotator)
    labels = _labels(record)
    marks = _marks(record, text, sources.get(row, ""))
    comments = _listed(record.get("Comments") or record.get("comments"))
    said = with_choices(
        {"label": labels} if labels else {},
        {},
        marks,
        "\n".join(map(str, comments)),
    )
    yield ImportedAnnotation(row, who, said)


def _given_labels(record: Mapping[str, Any]) -> list[Any]:
    return _listed(record.get("label", record.get("labels")))


def _labels(record: Mapping[str, Any]) -> list[str]:
    """The labels of the whole text."""
    named = [label for label in _given_labels(record) if not isinstance(label, list)]
    return [str(label) for label in [*named, *_listed(record.get("cats"))]]


def _marks(
    record: Mapping[str, Any],
    text: str,
    source: str,
) -> list[MarkedSpan]:
    """The marked stretches, in both shapes that doccano writes."""
    marked = [label for label in _given_labels(record) if isinstance(label, list)]
    for entity in record.get("entities") or []:
        marked.append([entity["start_offset"], entity["end_offset"], entity["label"]])
    return [_span(start, end, name, text, source) for start, end, name in marked]


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
        raise ValueError(f"the span {start}-{end} is outside its text ({len(text)} characters)")
    return placed(QuotedSpan(start, end, label, text[start:end]), source)
