"""Argilla records: annotations written for it and read from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tunewell.annotate.exchange import ImportedAnnotation, by_item
from tunewell.errors import DataError
from tunewell.people import Item, MarkedSpan, RaterVerdict, Said

KNOWN_QUESTIONS = frozenset({"label", "answer", "comment", "spans", "guideline"})

UNREADABLE = (KeyError, TypeError, AttributeError, ValueError)
"""What a record of another shape raises."""

Response = tuple[str, str, dict[str, Any]]
"""User, status, and value by question."""


def to_argilla(items: Sequence[Item], said: Iterable[RaterVerdict]) -> list[dict[str, Any]]:
    """Records as Argilla 2 reads them: fields, and responses by question and user."""
    verdicts = by_item(said)
    return [_record(item, verdicts[item.id]) for item in items]


def _record(item: Item, verdicts: Sequence[RaterVerdict]) -> dict[str, Any]:
    return {
        "id": item.id,
        "fields": {"source": item.source, "output": item.output},
        "metadata": {"example": item.example, "part": item.part},
        "responses": [_response(verdict) for verdict in verdicts],
    }


def _response(verdict: RaterVerdict) -> dict[str, Any]:
    return {
        "user_id": verdict.account,
        "status": "discarded" if verdict.said.skipped else "submitted",
        "values": {name: {"value": value} for name, value in _values(verdict).items()},
    }


def _values(verdict: RaterVerdict) -> dict[str, Any]:
    said = verdict.said
    values: dict[str, Any] = dict(said.scores)
    if said.label:
        values["label"] = said.label
    answer = said.answer or said.correction
    if answer:
        values["answer"] = answer
    if said.spans:
        values["spans"] = [span.model_dump() for span in said.spans]
    values["guideline"] = verdict.version
    return values


def from_argilla(records: Sequence[Mapping[str, Any]]) -> list[ImportedAnnotation]:
    """Every response in Argilla records.

    Both shapes are read: responses by question (``{"label": [{"value", "user_id"}]}``, as version 2
    writes to disk) and by user (``[{"user_id", "status", "values"}]``, as its server sends them).
    The row is ``metadata.example`` where it is given, else the record's ``id``. Drafts are left
    out; questions other than ``label``, ``answer``, ``comment`` and ``spans`` are refused rather
    than dropped silently.

    Raises:
        DataError: A record that cannot be read, with its position.

    Example:
        >>> record = {"id": "r1", "responses": {"label": [{"value": "billing", "user_id": "ann"}]}}
        >>> [(row, annotator, said.label) for row, annotator, said in from_argilla([record])]
        [('r1', 'ann', 'billing')]
    """
    found: list[ImportedAnnotation] = []
    for n, record in enumerate(records):
        try:
            found += _annotations(record)
        except UNREADABLE as error:
            raise DataError(
                f"record {n} of the Argilla file cannot be read: {error}", place=f"record {n}"
            ) from error
    return found


def _annotations(record: Mapping[str, Any]) -> Iterator[ImportedAnnotation]:
    metadata = record.get("metadata") or {}
    row = str(metadata.get("example") or record["id"])
    for user, status, values in _responses(record.get("responses") or []):
        if status == "discarded":
            yield ImportedAnnotation(row, user, Said(skipped="discarded"))
        elif status == "submitted":
            yield ImportedAnnotation(row, user, _said(values))


def _responses(found: Any) -> list[Response]:
    if isinstance(found, Mapping):
        return _by_question(found)
    return [_by_user(response) for response in found]


def _by_question(found: Mapping[str, Any]) -> list[Response]:
    values: dict[str, dict[str, Any]] = defaultdict(dict)
    status: dict[str, str] = {}
    for question, answers in found.items():
        for answer in answers:
            user = str(answer.get("user_id", ""))
            values[user][question] = answer["value"]
            status[user] = _status(answer)
    return [(user, status[user], given) for user, given in values.items()]


def _by_user(response: Mapping[str, Any]) -> Response:
    given = response.get("values") or {}
    values = {question: answer["value"] for question, answer in given.items()}
    return str(response.get("user_id", "")), _status(response), values


def _status(response: Mapping[str, Any]) -> str:
    return str(response.get("status") or "submitted")


def _said(values: Mapping[str, Any]) -> Said:
    unknown = sorted(set(values) - KNOWN_QUESTIONS)
    if unknown:
        raise ValueError(f"questions not supported: {', '.join(unknown)}")

    marks = values.get("spans") or ()
    label = values.get("label") or ""
    if isinstance(label, list):
        label = label[0]
    return Said(
        spans=tuple(
            MarkedSpan(
                start=m["start"],
                end=m["end"],
                label=m["label"],
            )
            for m in marks
        ),
        label=str(label),
        answer=str(values.get("answer") or ""),
        comment=str(values.get("comment") or ""),
    )
