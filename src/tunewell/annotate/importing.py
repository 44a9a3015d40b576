"""Take in annotations made elsewhere: once, and later only what has changed in their file."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final, Literal

from tunewell.annotate.argilla import from_argilla
from tunewell.annotate.exchange import AnnotationFile, ImportedAnnotation, RejectedRecord
from tunewell.annotate.label_studio import from_label_studio
from tunewell.annotate.spreadsheet import from_csv
from tunewell.annotate.text_tools import from_doccano, from_prodigy
from tunewell.errors import DataError, UserError
from tunewell.json_text import parse_json
from tunewell.people import (
    Account,
    Accounts,
    AuditLog,
    Batch,
    Item,
    RaterVerdict,
    Said,
    WorkStore,
    shown,
)
from tunewell.people.guide import conversation, read_guideline
from tunewell.people.work import faults
from tunewell.project import Project
from tunewell.task import TaskFile
from tunewell.types import Example, Value, digest

ImportedPart = Literal["test", "review", "train"]
RowsWithPart = Mapping[str, tuple[Example, ImportedPart]]
"""The project's rows and where each belongs, by id."""
RowAndAnnotator = tuple[str, str]
Refusal = tuple[str, str, str]
"""Row or place, annotator, why."""

LONGEST_NAME: Final = 100
SAME_FILE: Final = 0.5
"""Share of a batch's annotations that a file has to hold to be a later state of it."""

READERS: dict[str, Callable[..., AnnotationFile]] = {
    "label-studio": from_label_studio,
    "argilla": from_argilla,
    "prodigy": from_prodigy,
    "doccano": from_doccano,
}


class Imported(Value):
    """What came in.

    Attributes:
        batch: Where it is; empty if nothing fitted.
        new: Verdicts that were not there before.
        known: Verdicts that an earlier import of the same file brought.
        changed: Verdicts that replace what the same person said in an earlier state of the file.
        withdrawn: Verdicts of an earlier state that the file no longer holds.
        unknown: Rows of the file that the project does not have.
        refused: What cannot be read or does not fit what the project asks, as (row or place,
            annotator, why).
    """

    batch: str = ""
    new: int = 0
    known: int = 0
    changed: int = 0
    withdrawn: int = 0
    unknown: tuple[str, ...] = ()
    refused: tuple[tuple[str, str, str], ...] = ()


def read_annotations(
    form: str,
    text: str,
    sources: Mapping[str, str],
    *,
    place: str,
) -> AnnotationFile:
    """Read a file of ``label-studio``, ``argilla``, ``prodigy``, ``doccano`` or ``csv``.

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
    records, rejects = _records(text, place)
    if form == "doccano":
        # It writes a file for each user, named after them.
        found = from_doccano(records, sources, annotator=PurePath(place).stem)
    else:
        found = READERS[form](records, sources)
    return AnnotationFile(found, [*rejects, *found.rejects])


def _records(text: str, place: str) -> tuple[list[Any], list[RejectedRecord]]:
    """The objects of a JSON list or of JSON lines, and the lines that are none."""
    try:
        whole = parse_json(text)
    except ValueError as error:
        return _lines(text, place, error)
    if isinstance(whole, list):
        return whole, []
    if isinstance(whole, dict) and "\n" not in text.strip() and "text" in whole:
        return [whole], []
    raise DataError("the file must be a list of tasks or records", place=place)


def _lines(
    text: str,
    place: str,
    why: Exception,
) -> tuple[list[Any], list[RejectedRecord]]:
    records: list[Any] = []
    rejects: list[RejectedRecord] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            records.append(parse_json(line))
        except ValueError as error:
            rejects.append(RejectedRecord(f"{place}:{number}", "", f"not JSON: {error}"))
    if not any(isinstance(record, dict) for record in records):
        raise DataError(f"not JSON: {why}", place=place) from why
    return records, rejects


def import_annotations(
    project: Project,
    annotations: Sequence[ImportedAnnotation],
    rows: RowsWithPart,
    *,
    author: str,
    title: str = "",
) -> Imported:
    """Make annotations a batch, so that agreement, adjudication and gold go on from there.

    Every annotator becomes an account that cannot sign in (``imported: NAME``); those without a
    name are kept apart within a row. A later state of a file that was imported before changes its
    batch: what is new is added, a correction replaces, what a row has lost is withdrawn, and rows
    that the file leaves out stay as they are. What does not fit is refused one by one.

    Args:
        project: The project.
        annotations: As `read_annotations` gives them.
        rows: The project's rows with their part, by id.
        author: Who imports.
        title: Of the batch.

    Raises:
        UserError: None of the rows is the project's.
    """
    file, store = project.file, project.store
    named = _with_names(annotations)
    unknown = dict.fromkeys(a.row for a in named if a.row not in rows)
    ours = [a for a in named if a.row in rows]
    if not ours:
        raise UserError(
            "none of the annotated rows is in this project",
            hint="data.example or id holds the row's id",
        )

    last = {(a.row, a.annotator): a for a in ours}
    refused = [*_rejects(annotations), *_replaced(ours, last)]
    book, accounts = WorkStore(store), _Annotators(Accounts(store))
    batch = _earlier_state(book, accounts, last) or _new_batch(book, file, ours, author, title)
    batch = _revised(book, batch, file, list(last.values()), rows)
    inbox = _Inbox(book, accounts, batch)
    for annotation in last.values():
        inbox.take(annotation)
    inbox.withdraw_what_is_gone(last)
    imported = Imported(
        batch=batch.id,
        new=inbox.new,
        known=inbox.known,
        changed=inbox.changed,
        withdrawn=inbox.withdrawn,
        unknown=tuple(unknown),
        refused=(*refused, *inbox.refused),
    )
    _log(AuditLog(store), author, imported)
    return imported


def _rejects(annotations: Sequence[ImportedAnnotation]) -> list[Refusal]:
    """What could not be read of the file."""
    if not isinstance(annotations, AnnotationFile):
        return []
    return [(place, annotator, why) for place, annotator, why in annotations.rejects]


def _replaced(
    annotations: Sequence[ImportedAnnotation],
    last: Mapping[RowAndAnnotator, ImportedAnnotation],
) -> Iterator[Refusal]:
    """What a person said of a row before saying something else in the same file."""
    for earlier in annotations:
        if last[earlier.row, earlier.annotator] is not earlier:
            why = "the same person's later annotation of the row counts"
            yield earlier.row, earlier.annotator, why


def _log(
    log: AuditLog,
    author: str,
    imported: Imported,
) -> None:
    if not (imported.new or imported.changed or imported.withdrawn):
        return
    log.add(
        author,
        "annotations imported",
        imported.batch,
        new=imported.new,
        changed=imported.changed,
        withdrawn=imported.withdrawn,
        refused=len(imported.refused),
    )


def _with_names(annotations: Sequence[ImportedAnnotation]) -> list[ImportedAnnotation]:
    """The same; annotators without a name are told apart by their order within the row."""
    nameless: Counter[str] = Counter()
    named = []
    for annotation in annotations:
        if not annotation.annotator.strip():
            nameless[annotation.row] += 1
            number = nameless[annotation.row]
            annotation = annotation._replace(annotator=f"unnamed {number}")
        named.append(annotation)
    return named


@dataclass(frozen=True)
class _Annotators:
    """The accounts of annotators elsewhere."""

    accounts: Accounts

    def known(self, annotator: str) -> Account | None:
        """The account, where an earlier import made it."""
        return self.accounts.by_name(_account_name(annotator))

    def account(self, annotator: str) -> Account:
        """An account for the annotator that nobody can sign in to."""
        name = _account_name(annotator)
        account = self.known(annotator) or self.accounts.create(name, role="guest")
        if account.active:
            self.accounts.set_active(account.id, False)
        return account


def _account_name(annotator: str) -> str:
    name = f"imported: {annotator}"
    if len(name) <= LONGEST_NAME:
        return name
    # Two long names that begin alike stay two people.
    return f"{name[: LONGEST_NAME - 9]}~{digest(annotator)[:8]}"


def _earlier_state(
    book: WorkStore,
    annotators: _Annotators,
    last: Mapping[RowAndAnnotator, ImportedAnnotation],
) -> Batch | None:
    """The open imported batch that shares most of its annotations with the file; None if none."""
    here = set()
    for row, name in last:
        account = annotators.known(name)
        if account is not None:
            here.add((row, account.id))
    best, most = None, SAME_FILE
    for batch in book.batches(kind="annotate", status="open"):
        share = _share_held(book, batch, here) if batch.imported else 0.0
        # Of two that fit equally well the newer comes first.
        if share > most or (share == most and best is None):
            best, most = batch, share
    return best


def _share_held(
    book: WorkStore,
    batch: Batch,
    here: set[RowAndAnnotator],
) -> float:
    """Share of a batch's annotations, by row and account, that are among these."""
    rows = {item.id: item.example for item in book.items(batch.id)}
    said = book.verdicts(batch.id, all_words=True)
    before = {(rows[verdict.item], verdict.account) for verdict in said}
    return len(before & here) / len(before) if before else 0.0


def _new_batch(
    book: WorkStore,
    file: TaskFile,
    annotations: Sequence[ImportedAnnotation],
    author: str,
    title: str,
) -> Batch:
    content = [[a.row, a.annotator, a.said.model_dump(mode="json")] for a in annotations]
    name = digest(content)[:32]
    known = book.batch(name)
    if known is not None:
        return known
    batch = Batch(
        id=name,
        kind="annotate",
        title=title or "Imported annotations",
        created=dt.datetime.now(dt.UTC),
        author=author,
        raters=_most_people(annotations),
        guideline=read_guideline(file),
        imported=True,
    )
    book.open_batch(batch, [])
    return batch


def _most_people(annotations: Sequence[ImportedAnnotation]) -> int:
    people: dict[str, set[str]] = defaultdict(set)
    for annotation in annotations:
        people[annotation.row].add(annotation.annotator)
    return max(len(names) for names in people.values())


def _revised(
    book: WorkStore,
    batch: Batch,
    file: TaskFile,
    annotations: Sequence[ImportedAnnotation],
    rows: RowsWithPart,
) -> Batch:
    """The batch with the labels and rows of the file's present state.

    Labels are those of the project; where it names none, those that the file holds.
    """
    batch = batch.model_copy(update=_asked(batch, file, annotations))
    known = {item.example for item in book.items(batch.id)}
    new = [name for name in dict.fromkeys(a.row for a in annotations) if name not in known]
    items = [_item(batch, name, rows[name], number) for number, name in enumerate(new, len(known))]
    book.revise(batch, items)
    return batch


def _asked(
    batch: Batch,
    file: TaskFile,
    annotations: Sequence[ImportedAnnotation],
) -> dict[str, object]:
    """What the file shows its annotators were asked."""
    said = [a.said for a in annotations if not a.said.skipped]
    people = file.spec.people
    labels = (words.label for words in said)
    return {
        "raters": max(batch.raters, _most_people(annotations)),
        "span_labels": people.span_labels or _seen(batch.span_labels, _marks(said)),
        "row_labels": people.row_labels or _seen(batch.row_labels, labels),
        "gold": bool(said) and all(words.answer.strip() for words in said),
    }


def _marks(said: Sequence[Said]) -> Iterator[str]:
    for words in said:
        for span in words.spans:
            yield span.label


def _seen(before: tuple[str, ...], now: Iterator[str]) -> tuple[str, ...]:
    return tuple(sorted({*before, *now} - {""}))


def _item(
    batch: Batch,
    name: str,
    row: tuple[Example, ImportedPart],
    number: int,
) -> Item:
    example, part = row
    return Item(
        id=digest([batch.id, name])[:32],
        batch=batch.id,
        number=number,
        example=name,
        part=part,
        source=shown(conversation(example)),
        audio=example.audio,
        family=name,
    )


@dataclass
class _Inbox:
    """Writes annotations into a batch one by one, and counts what became of them."""

    book: WorkStore
    annotators: _Annotators
    batch: Batch
    new: int = 0
    known: int = 0
    changed: int = 0
    withdrawn: int = 0
    refused: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """What the batch holds already."""
        self._items = {item.example: item for item in self.book.items(self.batch.id)}
        self._standing: dict[tuple[str, str], RaterVerdict] = {}
        self._words: Counter[tuple[str, str]] = Counter()
        for verdict in self.book.verdicts(self.batch.id, all_words=True):
            place = (verdict.item, verdict.account)
            self._standing[place] = verdict
            self._words[place] += 1

    def take(self, annotation: ImportedAnnotation) -> None:
        """One person's word on one row."""
        row, annotator, said = annotation
        item = self._items[row]
        wrong = faults(said, self.batch, item)
        if wrong:
            self.refused.append((row, annotator, "; ".join(wrong)))
            return
        account = self.annotators.account(annotator).id
        before = self._standing.get((item.id, account))
        if before is not None and before.said == said:
            self.known += 1
            return
        self._write(item, account, said)
        if before is None or before.said.withdrawn:
            self.new += 1
        else:
            self.changed += 1

    def withdraw_what_is_gone(self, last: Mapping[RowAndAnnotator, ImportedAnnotation]) -> None:
        """Take back what the file once held of rows that it still speaks of."""
        rows = {row for row, _ in last}
        held = set()
        for row, annotator in last:
            account = self.annotators.known(annotator)
            if account is not None:
                held.add((self._items[row].id, account.id))
        items = {item.id: item for item in self._items.values()}
        for (item_id, account_id), verdict in list(self._standing.items()):
            item = items[item_id]
            gone = item.example in rows and (item_id, account_id) not in held
            if gone and not verdict.said.withdrawn:
                self._write(item, account_id, Said(withdrawn=True))
                self.withdrawn += 1

    def _write(self, item: Item, account: str, said: Said) -> None:
        place = (item.id, account)
        content = [self.batch.id, item.id, said.model_dump(mode="json"), self._words[place]]
        self.book.give(item, account)
        self.book.write(
            said,
            item=item,
            batch=self.batch,
            account=account,
            key=digest(content)[:64],
        )
        self._words[place] += 1
