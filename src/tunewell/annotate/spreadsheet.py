"""CSV for a spreadsheet: annotations written for it and read from it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tunewell.annotate.exchange import AnnotationFile, AnnotationReader, ImportedAnnotation
from tunewell.errors import DataError
from tunewell.people import Item, MarkedSpan, RaterVerdict, Said
from tunewell.people.work import Batch
from tunewell.safe_text import cell, cells_of_any_size

BETWEEN_MARKS = " | "
FORMULA_STARTS = frozenset("=+-@\t\r")
"""A spreadsheet runs cells that begin so; `tunewell.safe_text.cell` guards them with '."""

KNOWN_COLUMNS = frozenset(
    {
        *("row", "part", "person", "at", "seconds", "guideline"),
        *("label", "tags", "marks", "answer", "comment", "skipped", "source"),
    }
)
COLUMNS_BEFORE_SCORES = ("row", "part", "person", "at", "seconds", "guideline")
COLUMNS_AFTER_SCORES = ("label", "tags", "marks", "answer", "comment", "skipped", "source")


def to_csv(
    items: Sequence[Item],
    said: Iterable[RaterVerdict],
    batch: Batch,
) -> str:
    """One line per verdict for a spreadsheet.

    Cells that it would run as formulas are quoted with an apostrophe.
    """
    by_id = {i.id: i for i in items}
    criteria = [c.name for c in batch.rubric]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*COLUMNS_BEFORE_SCORES, *criteria, *COLUMNS_AFTER_SCORES])
    for verdict in said:
        cells = _cells(verdict, by_id[verdict.item], criteria)
        writer.writerow([cell(c) for c in cells])
    return file.getvalue()


def _cells(
    verdict: RaterVerdict,
    item: Item,
    criteria: Sequence[str],
) -> list[object]:
    said = verdict.said
    marks = [f"{s.label}: {item.source[s.start : s.end]}" for s in said.spans]
    return [
        item.example,
        item.part,
        verdict.account,
        verdict.at.isoformat(),
        verdict.seconds,
        verdict.version,
        *(said.scores.get(name, "") for name in criteria),
        said.label,
        "; ".join(said.tags),
        BETWEEN_MARKS.join(marks),
        said.answer or said.correction,
        said.comment,
        said.skipped,
        item.source,
    ]


def from_csv(
    text: str,
    sources: Mapping[str, str],
    *,
    place: str = "the file",
) -> AnnotationFile:
    """Every line of a CSV with the columns ``row`` and ``person``.

    Columns of other names are kept as further controls; several values of one cell, the label's
    too, stand between `` | ``. A line that cannot be read rejects itself.

    ``label``, ``answer``, ``comment``, ``skipped`` and ``marks`` are read (``amount: 92.10 EUR |
    form: B-12``); a mark must occur in the source exactly once. An apostrophe that guarded a cell
    from a spreadsheet is taken off.

    Args:
        text: The file.
        sources: What annotators would see, by row.
        place: Name of the file, for errors.

    Raises:
        DataError: The columns are not there, or no line can be read.
    """
    with cells_of_any_size():
        return _read(text, sources, place)


def _read(text: str, sources: Mapping[str, str], place: str) -> AnnotationFile:
    lines = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    if not {"row", "person"} <= set(lines.fieldnames or ()):
        raise DataError("the columns row and person are required", place=place)

    reader = AnnotationReader()
    for line in lines:
        where = f"{place}:{lines.line_num}"
        if None in line:
            reader.reject(where, "more cells than the header has columns")
            continue
        cells = _bare_cells(line)
        reader.take(where, _annotation(cells, sources), cells.get("person", ""))
    return reader.found().checked("spreadsheet")


def _annotation(
    cells: Mapping[str, str],
    sources: Mapping[str, str],
) -> Iterator[ImportedAnnotation]:
    said = _said(cells, sources.get(cells["row"], ""))
    yield ImportedAnnotation(cells["row"], cells["person"], said)


def _bare_cells(line: Mapping[object, object]) -> dict[str, str]:
    """The line's cells; what has no column, and columns that the line does not reach, left out."""
    cells: dict[str, str] = {}
    for column, content in line.items():
        if isinstance(column, str) and isinstance(content, str):
            cells[column] = _bare(content)
    return cells


def _bare(content: str) -> str:
    if content[1:2] in FORMULA_STARTS:
        return content.removeprefix("'")
    return content


def _said(cells: Mapping[str, str], source: str) -> Said:
    marks = cells.get("marks", "").split(BETWEEN_MARKS)
    spans: tuple[MarkedSpan, ...] = ()
    if source:
        spans = tuple(_span(mark, source) for mark in marks if mark.strip())
    label = cells.get("label", "")
    choices = {}
    if BETWEEN_MARKS in label:
        choices["label"], label = tuple(label.split(BETWEEN_MARKS)), ""
    for column, content in cells.items():
        if column not in KNOWN_COLUMNS and content.strip():
            choices[column] = tuple(content.split(BETWEEN_MARKS))
    return Said(
        spans=spans,
        label=label,
        answer=cells.get("answer", ""),
        comment=cells.get("comment", ""),
        choices=choices,
        skipped=cells.get("skipped", ""),
    )


def _span(mark: str, source: str) -> MarkedSpan:
    label, _, quote = mark.partition(": ")
    count = source.count(quote) if quote else 0
    if count != 1:
        raise ValueError(f"the mark {mark!r} occurs in the source {count} times, not once")
    start = source.index(quote)
    return MarkedSpan(
        start=start,
        end=start + len(quote),
        label=label.strip(),
    )
