"""Argilla records: annotations written for it and read from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunewell.annotate.exchange import ImportedAnnotation, by_item
from tunewell.errors import DataError
from tunewell.people import Item, MarkedSpan, RaterVerdict, Said

KNOWN_QUESTIONS = frozenset({"label", "answer", "comment", "spans", "guideline"})

UNREADABLE = (KeyError, TypeError, AttributeError, ValueError)
"""What a record of another shape raises."""


@dataclass
class ArgillaResponse:
    """One user's answers to the questions of a record.

    Attributes:
        user: Id of the user.
        status: ``submitted``, ``discarded`` or ``draft``.
        values: Value by question.
    """

    user: str
    status: str = "submitted"
    values: dict[str, Any] = field(default_factory=dict)


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
    """Value by question; a question without an answer is left out."""
    said = verdict.said
    answers = {
        "label": said.label,
        "answer": said.answer or said.correction,
        "spans": [span.model_dump() for span in said.spans],
    }
    given = {question: value for question, value in answers.items() if value}
    return {**said.scores, **given, "guideline": verdict.version}


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
    metadata = _given(record, "metadata", {})
    row = str(_given(metadata, "example", "") or record["id"])
    for response in _responses(_given(record, "responses", [])):
        if response.status == "discarded":
            yield ImportedAnnotation(row, response.user, Said(skipped="discarded"))
        elif response.status == "submitted":
            yield ImportedAnnotation(row, response.user, _said(response.values))


def _given(
    found: Mapping[str, Any],
    name: str,
    default: Any,
) -> Any:
    """The value under a name; the default where it is missing, null or empty."""
    return found.get(name) or default


def _responses(found: Any) -> list[ArgillaResponse]:
    if isinstance(found, Mapping):
        return _by_question(found)
    return [_by_user(response) for response in found]


def _by_question(found: Mapping[str, Any]) -> list[ArgillaResponse]:
    responses: dict[str, ArgillaResponse] = {}
    for question, answers in found.items():
        for answer in answers:
            user = str(answer.get("user_id", ""))
            response = responses.setdefault(user, ArgillaResponse(user))
            response.status = _status(answer)
            response.values[question] = answer["value"]
    return list(responses.values())


def _by_user(response: Mapping[str, Any]) -> ArgillaResponse:
    answers = _given(response, "values", {})
    return ArgillaResponse(
        user=str(response.get("user_id", "")),
        status=_status(response),
        values={question: answer["value"] for question, answer in answers.items()},
    )


def _status(response: Mapping[str, Any]) -> str:
    return str(_given(response, "status", "submitted"))


def _said(values: Mapping[str, Any]) -> Said:
    unknown = sorted(set(values) - KNOWN_QUESTIONS)
    if unknown:
        raise ValueError(f"questions not supported: {', '.join(unknown)}")
    return Said(
        spans=tuple(map(_span, _given(values, "spans", []))),
        label=_label(_given(values, "label", "")),
        answer=str(_given(values, "answer", "")),
        comment=str(_given(values, "comment", "")),
    )


def _span(mark: Mapping[str, Any]) -> MarkedSpan:
    return MarkedSpan(
        start=mark["start"],
        end=mark["end"],
        label=mark["label"],
    )


def _label(value: Any) -> str:
    """The label; a question with several answers gives a list of which the first counts."""
    if isinstance(value, list):
        return str(value[0])
    return str(value)
