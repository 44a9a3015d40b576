"""``tw.fix``: what is left of rows in memory after curation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewell.curate.doctor.fix import fix as fix_files
from tunewell.json_text import parse_json
from tunewell.notebook.in_memory import as_named, as_values, definition_at, fields_named
from tunewell.notebook.row_values import PathLike, RowFiles, Rows, on_disk
from tunewell.plurals import plural

Row = Mapping[str, Any]


@dataclass(frozen=True)
class FixedRows:
    """Rows that survived curation, and what happened to every row.

    Attributes:
        rows: What is left, as chats (``{"messages": […]}``) with the columns they carried.
        receipts: What each rule did to which row, and why; at least one for every row.
        read: How many rows there were.
    """

    rows: tuple[Row, ...]
    receipts: tuple[Row, ...]
    read: int

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __str__(self) -> str:
        return f"{len(self.rows)} of {plural(self.read, 'row')} are left"


def fix(
    rows: Rows,
    *,
    eval: Rows = None,
    task: PathLike | None = None,
    input: str = "",
    target: str = "",
) -> FixedRows:
    """The rows that survive curation: repaired, masked, each of several copies once.

    Args:
        rows: As `doctor` takes them. They are not changed.
        eval: Rows that must not be leaked.
        task: A ``tunewell.yaml`` whose rules are applied; the built-in rules without one.
        input: Column of the question, where it is not recognised.
        target: Column of the answer, where it is not recognised.

    Raises:
        DataError: Nothing can be read.

    Example:
        >>> rows = [{"prompt": "How do I reset the router?", "completion": "Hold its button."},
        ...         {"prompt": "How do I reset the router?", "completion": "Hold its button."}]
        >>> print(fix(rows))
        1 of 2 rows are left
    """
    definition = definition_at(task)
    fields = fields_named(input, target)
    with on_disk(rows, eval) as files, as_values(files):
        out = files.folder / "fixed.jsonl"
        read, _ = fix_files(
            files.paths,
            out,
            eval=files.evaluation,
            task=definition,
            fields=fields,
        )
        receipts = _read(out.with_name(f"{out.name}.receipts.jsonl"))
        return FixedRows(_read(out), tuple(_named(r, files) for r in receipts), read)


def _read(path: Path) -> tuple[Row, ...]:
    with path.open(encoding="utf-8") as lines:
        return tuple(parse_json(line) for line in lines)


def _named(receipt: Row, files: RowFiles) -> Row:
    if not files.in_memory:
        return receipt
    return {key: as_named(value) for key, value in receipt.items()}
