"""One set of labels written as each annotation tool writes them; what they say is known."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
NO_SUCH = "no such label"


@dataclass(frozen=True)
class WrittenLabel:
    """What one person chose for one row, however it is written.

    Attributes:
        row: Id of the row; one that is nowhere counts for nothing.
        who: The person.
        label: What was chosen; empty if nothing was.
    """

    row: str
    who: str
    label: str


def drawn_labels(
    luck: random.Random, rows: Sequence[str], topics: Sequence[str]
) -> list[WrittenLabel]:
    """Labels of two people, some missing, unknown, said twice, or of a row that is nowhere."""
    found = []
    for row in rows:
        for who in ("ann", "bob"):
            label = luck.choice([*topics, *topics, "", NO_SUCH])
            named = luck.choice([*[row] * 9, "nowhere"])
            found.append(WrittenLabel(named, who, label))
    if luck.random() < 0.5:
        again = luck.choice(found)
        found.append(WrittenLabel(again.row, again.who, luck.choice(topics)))
    return found


def counted_labels(
    labels: Sequence[WrittenLabel], rows: set[str], topics: set[str]
) -> dict[str, int]:
    """Rows with a label that exists, and such labels by person: of two the last counts."""
    last: dict[tuple[str, str], str] = {}
    for one in labels:
        if one.row in rows and one.label:
            last[one.row, one.who] = one.label
    good = [place for place, label in last.items() if label in topics]
    return {"rows": len({row for row, _ in good}), "labels": len(good)}


def _lines(records: Sequence[Row]) -> str:
    return "\n".join(json.dumps(record) for record in records)


def prodigy(labels: Sequence[WrittenLabel]) -> str:
    """``prodigy db-out``: options, those accepted, and whose answer it is."""
    names = sorted({one.label for one in labels if one.label})
    options = [{"id": i, "text": name} for i, name in enumerate(names)]
    made = []
    for one in labels:
        chosen = [names.index(one.label)] if one.label else []
        record = {"text": f"text of {one.row}", "meta": {"example": one.row}, "options": options}
        made.append(record | {"accept": chosen, "answer": "accept", "_annotator_id": one.who})
    return _lines(made)


def doccano(labels: Sequence[WrittenLabel]) -> str:
    """Lines with a list of labels."""
    made = []
    for one in labels:
        named = [one.label] if one.label else []
        record = {"id": one.row, "text": f"text of {one.row}", "label": named}
        made.append(record | {"annotator": one.who})
    return _lines(made)


def argilla(labels: Sequence[WrittenLabel]) -> str:
    """Records with the responses to a question."""
    made = []
    for one in labels:
        given = [{"value": one.label, "user_id": one.who, "status": "submitted"}]
        record = {"id": one.row, "fields": {"text": f"text of {one.row}"}}
        made.append(record | {"responses": {"label": given if one.label else []}})
    return json.dumps(made)


def sheet(labels: Sequence[WrittenLabel]) -> str:
    """A CSV."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["row", "person", "label", "comment"])
    for one in labels:
        writer.writerow([one.row, one.who, one.label, 'a "remark",\nof two lines'])
    return file.getvalue()


def label_studio_tasks(labels: Sequence[WrittenLabel]) -> str:
    """Tasks with one annotation each."""
    made = []
    for number, one in enumerate(labels):
        value = {"choices": [one.label] if one.label else []}
        result = [{"type": "choices", "from_name": "topic", "to_name": "text", "value": value}]
        annotation = {"completed_by": one.who, "result": result if one.label else []}
        made.append({"id": number, "data": {"example": one.row}, "annotations": [annotation]})
    return json.dumps(made)


LABEL_FORMATS: dict[str, Callable[[Sequence[WrittenLabel]], str]] = {
    "label-studio": label_studio_tasks,
    "argilla": argilla,
    "prodigy": prodigy,
    "doccano": doccano,
    "csv": sheet,
}
"""Name of the format to what writes it."""
