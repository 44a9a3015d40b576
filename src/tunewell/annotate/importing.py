"""Take in annotations made elsewhere, once, however often their file is read."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tunewell.annotate.argilla import from_argilla
from tunewell.annotate.exchange import ImportedAnnotation
from tunewell.annotate.label_studio import from_label_studio
from tunewell.annotate.spreadsheet import from_csv
from tunewell.errors import DataError, UserError
from tunewell.people import Account, Accounts, AuditLog, Batch, Item, WorkStore, shown
from tunewell.people.guide import conversation, read_guideline
from tunewell.people.work import faults
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.types import Example, Value, digest

ImportedPart = Literal["test", "review", "train"]
RowsWithPart = Mapping[str, tuple[Example, ImportedPart]]
"""The project's rows and where each belongs, by id."""

LONGEST_NAME = 100

READERS: dict[str, Callable[[Sequence[Mapping[str, Any]]], list[ImportedAnnotation]]] = {
    "label-studio": from_label_studio,
    "argilla": from_argilla,
}


class Imported(Value):
    """What came in.

    Attributes:
        batch: Where it is; empty if nothing fitted.
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


def read_annotations(
    form: str,
    text: str,
    sources: Mapping[str, str],
    *,
    place: str,
) -> list[ImportedAnnotation]:
    """Read a file of one of the formats ``label-studio``, ``argilla`` or ``csv``.

    Args:
        form: The format.
        text: The file.
        sources: What annotators would see, by row.
        place: Name of the file, for errors.

    Raises:
        DataError: It cannot be read.
    """
    if form == "csv":
        return from_csv(text, sources, place=place)
    try:
        found = json.loads(text)
    except ValueError as error:
        raise DataError(f"not JSON: {error}", place=place) from error
    if not isinstance(found, list):
        raise DataError("a list of tasks or records is needed", place=place)
    return READERS[form](found)


def import_annotations(
    store: Store,
    file: TaskFile,
    annotations: Sequence[ImportedAnnotation],
    rows: RowsWithPart,
    *,
    author: str,
    title: str = "",
) -> Imported:
    """Make annotations a batch, so that agreement, adjudication and gold go on from there.

    Every annotator becomes an account that cannot sign in (``imported: NAME``). The batch is named
    after the annotations, so that reading the same file twice adds nothing twice. Annotations that
    do not fit are refused one by one, each with its reason.

    Args:
        store: Of the project.
        file: The definition: labels and guideline.
        annotations: As `read_annotations` gives them.
        rows: The project's rows with their part, by id.
        author: Who imports.
        title: Of the batch.

    Raises:
        UserError: None of the rows is the project's.
    """
    ours = [a for a in annotations if a.row in rows]
    unknown = dict.fromkeys(a.row for a in annotations if a.row not in rows)
    if not ours:
        raise UserError(
            "none of the annotated rows is in this project",
            hint="data.example or id holds the row's id",
        )

    name = digest([[a.row, a.annotator, a.said.model_dump(mode="json")] for a in ours])[:32]
    book = WorkStore(store)
    batch = book.batch(name)
    if batch is None:
        batch = _batch(
            file,
            ours,
            name=name,
            author=author,
            title=title,
        )
        book.open_batch(batch, _items(batch, ours, rows))

    inbox = _Inbox(book, Accounts(store), batch, {i.example: i for i in book.items(name)})
    for number, annotation in enumerate(ours):
        inbox.take(number, annotation)
    if inbox.new:
        AuditLog(store).add(
            author, "annotations imported", name, new=inbox.new, refused=len(inbox.refused)
        )
    return Imported(
        batch=name,
        new=inbox.new,
        known=inbox.known,
        unknown=tuple(unknown),
        refused=tuple(inbox.refused),
    )


@dataclass
class _Inbox:
    """Writes annotations into a batch one by one, and counts what became of them."""

    book: WorkStore
    accounts: Accounts
    batch: Batch
    items: Mapping[str, Item]
    new: int = 0
    known: int = 0
    refused: list[tuple[str, str, str]] = field(default_factory=list)

    def take(self, number: int, annotation: ImportedAnnotation) -> None:
        row, annotator, said = annotation
        item = self.items[row]
        wrong = faults(said, self.batch, item)
        if wrong:
            self.refused.append((row, annotator, "; ".join(wrong)))
            return

        account = self._account(annotator)
        self.book.give(item, account.id)
        _, is_new = self.book.write(
            said,
            item=item,
            batch=self.batch,
            account=account.id,
            key=f"{self.batch.id[:24]}-{number}",
        )
        self.new += is_new
        self.known += not is_new

    def _account(self, annotator: str) -> Account:
        """An account for the annotator that nobody can sign in to."""
        name = f"imported: {annotator or 'somebody'}"[:LONGEST_NAME]
        account = self.accounts.by_name(name) or self.accounts.create(name, role="guest")
        if account.active:
            self.accounts.set_active(account.id, False)
        return account


def _batch(
    file: TaskFile,
    annotations: Sequence[ImportedAnnotation],
    *,
    name: str,
    author: str,
    title: str,
) -> Batch:
    annotators: dict[str, set[str]] = defaultdict(set)
    for annotation in annotations:
        annotators[annotation.row].add(annotation.annotator)
    people = file.spec.people
    return Batch(
        id=name,
        kind="annotate",
        title=title or "Imported annotations",
        created=dt.datetime.now(dt.UTC),
        author=author,
        raters=max(len(names) for names in annotators.values()),
        guideline=read_guideline(file),
        span_labels=people.span_labels,
        row_labels=people.row_labels,
        gold=any(annotation.said.answer for annotation in annotations),
    )


def _items(
    batch: Batch,
    annotations: Sequence[ImportedAnnotation],
    rows: RowsWithPart,
) -> list[Item]:
    """One item per annotated row."""
    items: list[Item] = []
    for number, name in enumerate(dict.fromkeys(a.row for a in annotations)):
        example, part = rows[name]
        item = Item(
            id=digest([batch.id, name])[:32],
            batch=batch.id,
            number=number,
            example=name,
            part=part,
            source=shown(conversation(example)),
            family=name,
        )
        items.append(item)
    return items
