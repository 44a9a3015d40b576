"""Plain rows: one object, line or record for each output, or a column for each model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunewell.evaluate.foreign.answers import (
    ForeignAnswer,
    answer_of,
    plain_text,
    references_of,
    scalar,
    text_of,
    why_it_ended,
)
from tunewell.evaluate.foreign.collect import Collector, ForeignOutputs, ForeignRecord
from tunewell.evaluate.foreign.columns import (
    ARM_KEYS,
    INPUT_KEYS,
    ColumnNames,
    ForeignColumns,
    value_at,
)
from tunewell.evaluate.foreign.documents import Broken, Record
from tunewell.evaluate.foreign.file_report import FileReport
from tunewell.evaluate.foreign.replies import calls_in


@dataclass(frozen=True)
class _Layout:
    """Which columns hold what; of several the first that a record has."""

    outputs: Mapping[str, Sequence[str]]
    targets: Sequence[str]
    ids: Sequence[str]
    inputs: Sequence[str]
    arms: Sequence[str]

    @property
    def taken(self) -> list[str]:
        """Every column that is read."""
        outputs = [column for columns in self.outputs.values() for column in columns]
        return [*outputs, *self.targets, *self.ids, *self.inputs, *self.arms]

    def chosen(self) -> dict[str, str]:
        """What is taken from where, for the report."""
        roles = {"id": self.ids, "input": self.inputs, "target": self.targets, "arm": self.arms}
        found = {}
        for arm, columns in self.outputs.items():
            found[f"output of {arm}" if len(self.outputs) > 1 else "output"] = ", ".join(columns)
        return found | {role: ", ".join(columns) for role, columns in roles.items() if columns}


def read_table(
    records: Sequence[Record],
    *,
    name: str,
    arm: str,
    named: ColumnNames,
    form: str = "rows",
    rows_known: bool = False,
    notes: Sequence[str] = (),
) -> ForeignOutputs:
    """Every record as an output; what cannot be read counts as unreadable.

    Args:
        records: Of the file.
        name: Of the file.
        arm: What the user calls the arm.
        named: ForeignColumns that the user has named.
        form: The format, for the report.
        rows_known: Whether the gold answers come from the project, so that the file's do not
            matter.
        notes: For the report.

    Raises:
        DataError: A column cannot be found, or several could be meant.
    """
    readable = [record for _, record in records if isinstance(record, Mapping)]
    columns = ForeignColumns(name, readable, named)
    layout = _layout(columns, arm, rows_known=rows_known)
    report = FileReport(
        file=name,
        format=form,
        records=len(records),
        columns=tuple(columns.seen),
        chosen=layout.chosen(),
        unused=tuple(column for column in columns.seen if column not in layout.taken),
        notes=tuple(notes),
    )
    collector = Collector("" if len(layout.outputs) > 1 else arm, report)
    for place, record in records:
        if isinstance(record, Mapping):
            _take(collector, layout, place, record)
        elif isinstance(record, Broken):
            row = _first(record.known, layout.ids)
            collector.reject(place, record.why, row=scalar(row) or "")
        else:
            collector.reject(place, "not a JSON object")
    return collector.found()


def _layout(columns: ForeignColumns, arm: str, *, rows_known: bool) -> _Layout:
    by_arm: dict[str, Sequence[str]] = {a: [c] for a, c in columns.arms().items()}
    if arm and arm in by_arm and not columns.named.arms:
        by_arm = {arm: by_arm[arm]}
    outputs = by_arm or {arm: columns.outputs()}
    taken = [column for found in outputs.values() for column in found]
    ids = columns.ids()
    targets = columns.targets(taken) if not rows_known or columns.named.target else []
    inputs = columns.others(INPUT_KEYS, [*taken, *targets, *ids])
    arms = columns.others(ARM_KEYS, [*taken, *targets, *ids, *inputs])
    return _Layout(outputs, targets, ids, inputs[:1], [] if by_arm else arms[:1])


def _first(record: Mapping[str, Any], columns: Sequence[str]) -> Any:
    """What the first of these columns that holds anything holds."""
    for column in columns:
        _, value = value_at(record, column)
        if value is not None:
            return value
    return None


def _take(
    collector: Collector,
    layout: _Layout,
    place: str,
    record: Mapping[str, Any],
) -> None:
    row = scalar(_first(record, layout.ids)) or ""
    for arm, columns in layout.outputs.items():
        one = ForeignRecord(
            place=place,
            row=row,
            arm=(scalar(_first(record, layout.arms)) or "") if layout.arms else arm,
            answer=_answer(record, columns, alone=len(layout.outputs) == 1),
            asked=text_of_input(_first(record, layout.inputs)),
            references=references_of(_first(record, layout.targets)),
            tags=_tags(record, layout),
        )
        collector.take(one)


def text_of_input(value: Any) -> str | None:
    """What was asked: a text, or the last user turn of a conversation."""
    if isinstance(value, list):
        for turn in reversed(value):
            if isinstance(turn, Mapping) and turn.get("role") in {"user", "human"}:
                return text_of(turn.get("content"))
    return text_of(value)


def _answer(
    record: Mapping[str, Any],
    columns: Sequence[str],
    *,
    alone: bool,
) -> ForeignAnswer:
    """The answer of one arm; where the record tells of one arm alone, how it ended as well."""
    given = False
    answer = answer_of(None, given=False)
    for column in columns:
        here, value = value_at(record, column)
        if here and not given:
            given, answer = True, answer_of(value)
    calls = calls_in(record) if alone and answer.failed else []
    if calls:
        answer = ForeignAnswer("\n".join(calls))
    ended = why_it_ended(record) if alone else ""
    return ForeignAnswer(answer.text, ended) if ended else answer


def _tags(record: Mapping[str, Any], layout: _Layout) -> dict[str, str]:
    """Every other cell that is text: slices and the like."""
    tags = {}
    for column, value in record.items():
        text = scalar(value)
        if text is not None and column not in layout.taken:
            tags[plain_text(str(column))] = text
    return tags
