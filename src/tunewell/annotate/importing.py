"""Annotations made elsewhere, taken up: Label Studio tasks, Argilla records, CSV.

Once, however often they are read.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tunewell.annotate.interchange import from_label_studio
from tunewell.errors import DataError, UserError
from tunewell.people import Accounts, AuditLog, Batch, Item, MarkedSpan, Said, WorkStore, shown
from tunewell.people.guide import conversation, read_guideline
from tunewell.people.work import AnnotatedPart, faults
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.types import Example, Value, digest

Word = tuple[str, str, Said]
"""(row, annotator, what was said)."""


class Imported(Value):
    """What came in.

    Attributes:
        batch: Where it lies; None if nothing fitted.
        new: Verdicts that were not there before.
        known: Verdicts that an earlier import of the same file brought.
        unknown: Rows of the file that the project does not have.
        refused: What does not fit what the project asks, as (row, annotator, why).
    """

    batch: str = ""
    new: int = 0
    known: int = 0
    unknown: tuple[str, ...] = ()
    refused: tuple[tuple[str, str, str], ...] = ()


def from_argilla(records: Sequence[Mapping[str, Any]]) -> list[Word]:
    """(row, annotator, what was said) of every response in Argilla records.

    Read are both shapes: responses by question (``{"label": [{"value", "user_id"}]}``, as version 2
    writes to disk) and by user (``[{"user_id", "status", "values"}]``, as its server sends them).
    The row is ``metadata.example`` where it is given, else the record's ``id``. Drafts are left
    out; questions other than ``label``, ``answer``, ``comment`` and ``spans`` are refused rather
    than dropped without a word.

    Raises:
        DataError: A record that cannot be read, with its position.

    Example:
        >>> record = {"id": "r1", "fields": {}, "responses": {"label": [{"value": "billing", "user_id": "ann"}]}}
        >>> [(row, who, said.label) for row, who, said in from_argilla([record])]
        [('r1', 'ann', 'billing')]
    """
    out: list[Word] = []
    for n, record in enumerate(records):
        try:
            row = str((record.get("metadata") or {}).get("example") or record["id"])
            for user, status, values in _responses(record.get("responses") or []):
                if status == "discarded":
                    out.append((row, user, Said(skipped="discarded")))
                elif status == "submitted":
                    out.append((row, user, _argilla_said(values)))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError(
                f"record {n} of the Argilla file cannot be read: {error}", place=f"record {n}"
            ) from error
    return out


def _responses(found: Any) -> Iterable[tuple[str, str, dict[str, Any]]]:
    if isinstance(found, Mapping):
        by_user: dict[str, dict[str, Any]] = defaultdict(dict)
        status: dict[str, str] = {}
        for question, answers in found.items():
            for answer in answers:
                user = str(answer.get("user_id", ""))
                by_user[user][question] = answer["value"]
                status[user] = str(answer.get("status") or "submitted")
        return [(user, status[user], values) for user, values in by_user.items()]
    return [
        (
            str(one.get("user_id", "")),
            str(one.get("status") or "submitted"),
            {k: v["value"] for k, v in (one.get("values") or {}).items()},
        )
        for one in found
    ]


def _argilla_said(values: Mapping[str, Any]) -> Said:
    strange = sorted(set(values) - {"label", "answer", "comment", "spans", "guideline"})
    if strange:
        raise ValueError(f"questions {', '.join(strange)} have no place here")
    spans = tuple(
        MarkedSpan(start=s["start"], end=s["end"], label=s["label"])
        for s in values.get("spans") or ()
    )
    label = values.get("label") or ""
    return Said(
        spans=spans,
        label=str(label[0] if isinstance(label, list) else label),
        answer=str(values.get("answer") or ""),
        comment=str(values.get("comment") or ""),
    )


def from_csv(text: str, sources: Mapping[str, str], *, place: str = "the file") -> list[Word]:
    """(row, annotator, what was said) of every line of a CSV with the columns ``row`` and ``person``.

    Read are ``label``, ``answer``, ``comment``, ``skipped`` and ``marks`` (``amount: 92.10 EUR |
    form: B-12``); a mark has to stand in the source exactly once. An apostrophe that guarded a cell
    from a spreadsheet is taken off.

    Args:
        text: The file.
        sources: What annotators would see, by row.
        place: Name of the file, for errors.

    Raises:
        DataError: A line that cannot be read.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    if not {"row", "person"} <= set(reader.fieldnames or ()):
        raise DataError("the columns row and person are needed", place=place)
    out: list[Word] = []
    for line in reader:
        cells = {
            k: _bare(v or "") for k, v in line.items() if isinstance(k, str) and isinstance(v, str)
        }
        try:
            source = sources.get(cells["row"], "")
            marks = (
                tuple(_mark(m, source) for m in cells.get("marks", "").split(" | ") if m.strip())
                if source
                else ()
            )
            said = Said(
                spans=marks,
                **{k: cells.get(k, "") for k in ("label", "answer", "comment", "skipped")},
            )
        except (KeyError, ValueError) as error:
            raise DataError(str(error), place=f"{place}:{reader.line_num}") from error
        out.append((cells["row"], cells["person"], said))
    return out


def _bare(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:2] in tuple("=+-@\t\r") else cell


def _mark(text: str, source: str) -> MarkedSpan:
    label, sep, quote = text.partition(": ")
    count = source.count(quote) if quote else 0
    if not sep or count != 1:
        raise ValueError(f"the mark {text!r} stands in the source {count} times, not once")
    start = source.index(quote)
    return MarkedSpan(start=start, end=start + len(quote), label=label.strip())


def read_words(form: str, text: str, sources: Mapping[str, str], *, place: str) -> list[Word]:
    """Read a file of one of the formats ``label-studio``, ``argilla`` or ``csv``.

    Raises:
        DataError: It cannot be read.
    """
    import json

    if form == "csv":
        return from_csv(text, sources, place=place)
    readers: dict[str, Callable[[Sequence[Mapping[str, Any]]], list[Word]]] = {
        "label-studio": from_label_studio,
        "argilla": from_argilla,
    }
    try:
        found = json.loads(text)
    except ValueError as error:
        raise DataError(f"not JSON: {error}", place=place) from error
    if not isinstance(found, list):
        raise DataError("a list of tasks or records is needed", place=place)
    return readers[form](found)


def import_words(
    store: Store,
    file: TaskFile,
    words: Sequence[Word],
    rows: Mapping[str, tuple[Example, AnnotatedPart]],
    *,
    author: str,
    title: str = "",
) -> Imported:
    """Take annotations up as a batch of the room, so that agreement, adjudication and gold go on from there.

    Every annotator becomes an account that cannot sign in (``imported: NAME``). The batch is named
    after the words, so that the same file read twice brings nothing twice. What does not fit is
    refused one by one, with its reason.

    Args:
        store: Of the project.
        file: The definition: labels and guideline.
        words: As `read_words` gives them.
        rows: The project's rows with their part, by id.
        author: Who imports.
        title: Of the batch.

    Raises:
        UserError: None of the rows is the project's.
    """
    here = [w for w in words if w[0] in rows]
    unknown = tuple(dict.fromkeys(row for row, _, _ in words if row not in rows))
    if not here:
        raise UserError(
            "none of the annotated rows is in this project",
            hint="data.example or id holds the row's id",
        )
    book, accounts = WorkStore(store), Accounts(store)
    name = digest([[row, who, said.model_dump(mode="json")] for row, who, said in here])[:32]
    batch = book.batch(name) or _open(book, file, here, rows, name=name, author=author, title=title)
    items = {i.example: i for i in book.items(name)}
    new = known = 0
    refused: list[tuple[str, str, str]] = []
    for n, (row, who, said) in enumerate(here):
        wrong = faults(said, batch, items[row])
        if wrong:
            refused.append((row, who, "; ".join(wrong)))
            continue
        shown_as = f"imported: {who or 'somebody'}"[:100]
        account = accounts.by_name(shown_as) or accounts.create(shown_as, role="guest")
        if account.active:
            accounts.set_active(account.id, False)
        book.give(items[row], account.id)
        key = f"{name[:24]}-{n}"
        _, fresh = book.write(said, item=items[row], batch=batch, account=account.id, key=key)
        new, known = new + fresh, known + (not fresh)
    if new:
        AuditLog(store).add(author, "annotations imported", name, new=new, refused=len(refused))
    return Imported(batch=name, new=new, known=known, unknown=unknown, refused=tuple(refused))


def _open(
    book: WorkStore,
    file: TaskFile,
    words: Sequence[Word],
    rows: Mapping[str, tuple[Example, AnnotatedPart]],
    *,
    name: str,
    author: str,
    title: str,
) -> Batch:
    people = file.spec.people
    by_row: dict[str, set[str]] = defaultdict(set)
    for row, who, _ in words:
        by_row[row].add(who)
    batch = Batch(
        id=name,
        kind="annotate",
        title=title or "Imported annotations",
        created=dt.datetime.now(dt.UTC),
        author=author,
        raters=max(len(who) for who in by_row.values()),
        guideline=read_guideline(file),
        span_labels=people.span_labels,
        row_labels=people.row_labels,
        gold=any(said.answer for _, _, said in words),
    )
    items = [
        Item(
            id=digest([name, row])[:32],
            batch=name,
            number=n,
            example=row,
            part=rows[row][1],
            source=shown(conversation(rows[row][0])),
            family=row,
        )
        for n, row in enumerate(by_row)
    ]
    book.open_batch(batch, items)
    return batch
