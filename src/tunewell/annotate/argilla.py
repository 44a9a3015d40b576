"""Argilla records: annotations written for it and read from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from tunewell.annotate.exchange import (
    OWN_ANSWER,
    OWN_LABEL,
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

NO_SOURCES: Mapping[str, str] = MappingProxyType({})
MOST_WORDS = 6
"""A text of more words is one that somebody wrote; of fewer it is the name of a label."""


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
    chosen = {control: list(values) for control, values in said.choices.items()}
    return {**said.scores, **chosen, **given, "guideline": verdict.version}


def from_argilla(
    records: Sequence[Mapping[str, Any]], sources: Mapping[str, str] = NO_SOURCES
) -> AnnotationFile:
    """Every response in Argilla records.

    Both shapes are read: responses by question (``{"label": [{"value", "user_id"}]}``, as version 2
    writes to disk) and by user (``[{"user_id", "status", "values"}]``, as its server sends them).
    The row is ``metadata.example`` where it is given, else the record's ``id``, else the row with
    its text. Drafts are left out; every question is kept; a record that cannot be read rejects
    itself.

    Args:
        records: Of the file.
        sources: What annotators would see here, by row: spans are held against it.

    Raises:
        DataError: Nothing in it can be read.

    Example:
        >>> record = {"id": "r1", "responses": {"label": [{"value": "billing", "user_id": "ann"}]}}
        >>> [(row, annotator, said.label) for row, annotator, said in from_argilla([record])]
        [('r1', 'ann', 'billing')]
    """
    reader = AnnotationReader()
    for n, record in enumerate(records):
        place = f"record {n}"
        try:
            row, texts = _row(record, sources), _fields(record)
            responses = _responses(_given(record, "responses", []))
        except UNREADABLE as error:
            reader.reject(place, str(error))
            continue
        seen = _Seen(row, sources.get(row, ""), texts)
        for response in responses:
            reader.take(place, seen.annotations(response), response.user)
    return reader.found().checked("Argilla file")


def _row(record: Mapping[str, Any], sources: Mapping[str, str]) -> str:
    metadata = _given(record, "metadata", {})
    names = [metadata.get("example"), record.get("external_id"), record.get("id")]
    texts = _fields(record)
    return row_named(names, texts[0] if len(texts) == 1 else "", sources)


def _fields(record: Mapping[str, Any]) -> list[str]:
    """The texts that the annotator saw."""
    fields = _given(record, "fields", {})
    return [text for text in fields.values() if isinstance(text, str) and text]


@dataclass(frozen=True)
class _Seen:
    """A row as its annotators saw it.

    Attributes:
        row: Its id.
        source: What they would see here; empty if that is not known.
        texts: What they saw there.
    """

    row: str
    source: str
    texts: Sequence[str]

    def annotations(self, response: ArgillaResponse) -> Iterator[ImportedAnnotation]:
        """What one user said; nothing of a draft."""
        if response.status == "discarded":
            yield ImportedAnnotation(self.row, response.user, Said(skipped="discarded"))
        elif response.status == "submitted":
            yield ImportedAnnotation(self.row, response.user, self._said(response.values))

    def _said(self, values: Mapping[str, Any]) -> Said:
        spans: list[MarkedSpan] = []
        choices: dict[str, list[str]] = {}
        texts: dict[str, str] = {}
        comment = ""
        for question, value in values.items():
            if value in (None, "", []) or question == "guideline":
                continue
            if question == "comment":
                comment = str(value)
            elif _marks(value):
                spans += [self._span(mark) for mark in value]
            elif question == OWN_ANSWER or _prose(question, value):
                texts[question] = str(value)
            else:
                choices[question] = _chosen(value)
        return with_choices(choices, texts, spans, comment)

    def _span(self, mark: Mapping[str, Any]) -> MarkedSpan:
        start, end = mark["start"], mark["end"]
        quote = ""
        # A span names no field: of several the first that is long enough.
        for text in self.texts:
            if end <= len(text):
                quote = text[start:end]
                break
        return placed(QuotedSpan(start, end, mark["label"], quote), self.source)


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
            user = str(answer.get("user_id") or "")
            response = responses.setdefault(user, ArgillaResponse(user))
            response.status = _status(answer)
            response.values[question] = answer["value"]
    return list(responses.values())


def _by_user(response: Mapping[str, Any]) -> ArgillaResponse:
    answers = _given(response, "values", {})
    return ArgillaResponse(
        user=str(response.get("user_id") or ""),
        status=_status(response),
        values={question: answer["value"] for question, answer in answers.items()},
    )


def _status(response: Mapping[str, Any]) -> str:
    return str(_given(response, "status", "submitted"))


def _marks(value: Any) -> bool:
    """Whether the value of a question is marked stretches."""
    return isinstance(value, list) and all(
        isinstance(mark, Mapping) and "start" in mark for mark in value
    )


def _prose(question: str, value: Any) -> bool:
    """Whether the value of a question is text that somebody wrote."""
    return isinstance(value, str) and question not in OWN_LABEL and len(value.split()) > MOST_WORDS


def _chosen(value: Any) -> list[str]:
    """What was chosen: one or several labels, a rating, a ranking in its order."""
    if not isinstance(value, list):
        return [str(value)]
    ranked = [item for item in value if isinstance(item, Mapping) and "rank" in item]
    if ranked:
        ranked.sort(key=lambda item: int(item["rank"]))
        return [str(item["value"]) for item in ranked]
    return [str(item) for item in value]
